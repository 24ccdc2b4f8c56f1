"""Blobs: looked for, read whole or by range, deleted (distribution-spec, "Pulling blobs")."""

from __future__ import annotations

import re

from tests.registry.answers import Call, RefusedError, check_digest
from tests.registry.messages import Response

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_OCTETS = ("Content-Type", "application/octet-stream")


def answer_blob(call: Call, digest: str) -> Response:
    """HEAD, GET and DELETE of a blob."""
    check_digest(digest)
    content = call.repository.blobs.get(digest)
    if content is None:
        raise RefusedError(404, "BLOB_UNKNOWN")
    if call.request.method == "DELETE":
        return _delete(call, digest)
    if call.request.method not in ("GET", "HEAD"):
        raise RefusedError(405, "UNSUPPORTED")
    fields = (_OCTETS, *call.digest_field(digest))
    if not call.behaviour.ranges:
        return Response(headers=fields, body=memoryview(content))
    fields = (*fields, ("Accept-Ranges", "bytes"))
    asked = None if call.request.method == "HEAD" else _asked(call, len(content))
    if asked is None:
        return Response(headers=fields, body=memoryview(content))
    start, end = asked
    fields = (*fields, ("Content-Range", f"bytes {start}-{end - 1}/{len(content)}"))
    return Response(status=206, headers=fields, body=memoryview(content)[start:end])


def _delete(call: Call, digest: str) -> Response:
    if not call.behaviour.deletes:
        raise RefusedError(405, "UNSUPPORTED")
    with call.state.lock:
        call.repository.blobs.pop(digest, None)
    return Response(status=202)


def _asked(call: Call, size: int) -> tuple[int, int] | None:
    """The range that is asked for, half-open; `None` for the whole, also where it is not understood."""
    match = _RANGE.fullmatch(call.request.headers.get("range", ""))
    if match is None or match.group() == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), size if not last else min(int(last) + 1, size)
        if last and int(last) < start:
            return None
    if start >= size or start >= end:
        raise RefusedError(416, "RANGE_INVALID", "", ("Content-Range", f"bytes */{size}"))
    return start, end
