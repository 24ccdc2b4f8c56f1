"""Uploads: at once, in chunks, mounted, resumed (distribution-spec, "Pushing blobs")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tests.registry.answers import Call, RefusedError, check_digest
from tests.registry.messages import Body, BodyCutError, Response
from tests.registry.state import Upload, digest_like

_CONTENT_RANGE = re.compile(r"(?:bytes )?(\d+)-(\d+)(?:/.*)?")
# A request that a client has given up may still be read when the next one comes.
_OTHERS_SECONDS = 1.0


def start_upload(call: Call) -> Response:
    """POST: a mount, the whole content at once, or the start of an upload."""
    query = call.request.query
    if call.request.method != "POST":
        raise RefusedError(405, "UNSUPPORTED")
    if "mount" in query:
        return _mount(call, check_digest(query["mount"]), query.get("from"))
    upload = call.state.start_upload(call.name)
    if "digest" not in query or not call.behaviour.single_post:
        return _started(call, upload)
    digest = check_digest(query["digest"])
    _check_body_size(call.request.body, call.behaviour.max_put)
    with _alone(upload):
        _take(call, upload)
        return _finish(call, upload, digest)


def answer_upload(call: Call, upload_id: str) -> Response:
    """GET, PATCH, PUT and DELETE of an upload."""
    upload = call.repository.uploads.get(upload_id)
    if upload is None:
        raise RefusedError(404, "BLOB_UPLOAD_UNKNOWN")
    query = call.request.query_text
    if upload.queries and not any(query == known or query.startswith(f"{known}&") for known in upload.queries):
        raise RefusedError(400, "BLOB_UPLOAD_INVALID", "the query of `Location` is missing")
    methods = {"GET": _tell, "PATCH": _add, "PUT": _put, "DELETE": _cancel}
    if call.request.method not in methods:
        raise RefusedError(405, "UNSUPPORTED")
    with _alone(upload):
        return methods[call.request.method](call, upload)


@contextmanager
def _alone(upload: Upload) -> Iterator[None]:
    if not upload.lock.acquire(timeout=_OTHERS_SECONDS):
        raise RefusedError(409, "BLOB_UPLOAD_INVALID", "another request is adding to it")
    try:
        yield
    finally:
        upload.lock.release()


def _mount(call: Call, digest: str, source: str | None) -> Response:
    with call.state.lock:
        names = [source] if source is not None else list(call.state.repositories)
        found = (call.state.find_blob(name, digest) for name in names)
        content = next((content for content in found if content is not None), None)
        if content is None or not call.behaviour.mount:
            return _started(call, call.state.start_upload(call.name))
        call.state.repository(call.name).blobs[digest] = content
    return _created(call, digest)


def _started(call: Call, upload: Upload) -> Response:
    least = call.behaviour.chunk_min_length
    answer = _state_of(call, upload, 202)
    return answer if least is None else answer.with_headers(("OCI-Chunk-Min-Length", str(least)))


def _tell(call: Call, upload: Upload) -> Response:
    return _state_of(call, upload, 204)


def _add(call: Call, upload: Upload) -> Response:
    body = call.request.body
    _check_body_size(body, call.behaviour.max_patch)
    if upload.has_short_chunk:
        raise RefusedError(400, "BLOB_UPLOAD_INVALID", "a chunk was smaller than `OCI-Chunk-Min-Length`")
    _check_range(call, upload)
    before = len(upload.data)
    _take(call, upload)
    least = call.behaviour.chunk_min_length
    upload.has_short_chunk = least is not None and len(upload.data) - before < least
    return _state_of(call, upload, 202)


def _put(call: Call, upload: Upload) -> Response:
    digest = check_digest(call.request.query.get("digest", ""))
    _check_body_size(call.request.body, call.behaviour.max_put)
    _check_range(call, upload)
    _take(call, upload)
    return _finish(call, upload, digest)


def _cancel(call: Call, upload: Upload) -> Response:
    call.state.finish_upload(call.name, upload, None)
    return Response(status=204)


def _take(call: Call, upload: Upload) -> None:
    """Add the body; what arrived before the client broke off is kept."""
    for piece in call.request.body.iter_pieces():
        upload.data += piece


def _finish(call: Call, upload: Upload, digest: str) -> Response:
    if digest_like(upload.data, digest) != digest:
        call.state.finish_upload(call.name, upload, None)
        raise RefusedError(400, "DIGEST_INVALID")
    call.state.finish_upload(call.name, upload, digest)
    return _created(call, digest)


def _created(call: Call, digest: str) -> Response:
    return Response(status=201, headers=(call.location(f"blobs/{digest}"), *call.digest_field(digest)))


def _state_of(call: Call, upload: Upload, status: int) -> Response:
    offset = len(upload.data)
    query = call.behaviour.location_query.replace("{offset}", str(offset))
    if query:
        upload.queries.add(query)
    # As there is no way to say that nothing is there, registries say `0-0`.
    fields = (
        call.location(f"blobs/uploads/{upload.id}", query),
        ("Range", f"0-{max(offset - 1, 0)}"),
        ("Docker-Upload-UUID", upload.id),
    )
    return Response(status=status, headers=fields)


def _check_body_size(body: Body, most: int | None) -> None:
    if most is None:
        return
    if body.declared is None or body.declared > most:
        _discard(body)
        raise RefusedError(413, "SIZE_INVALID", f"at most {most} bytes at a time")


def _discard(body: Body) -> None:
    try:
        body.discard()
    except BodyCutError:
        pass  # nobody reads the answer


def _check_range(call: Call, upload: Upload) -> None:
    text = call.request.headers.get("content-range")
    if text is None:
        return
    match = _CONTENT_RANGE.fullmatch(text)
    declared = call.request.body.declared
    if match is None:
        raise RefusedError(400, "BLOB_UPLOAD_INVALID", "`Content-Range` is not understood")
    first, last = int(match[1]), int(match[2])
    if first != len(upload.data):
        raise RefusedError(416, "RANGE_INVALID", "", *_state_of(call, upload, 416).headers)
    if declared is not None and last - first + 1 != declared:
        raise RefusedError(400, "SIZE_INVALID", "`Content-Range` and `Content-Length` differ")
