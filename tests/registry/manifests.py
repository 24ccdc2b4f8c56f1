"""Manifests, tags and referrers (distribution-spec, "Pulling manifests", "Content discovery")."""

from __future__ import annotations

import re

from packaging_kit.oci.media_types import DOCUMENTS, IMAGE_INDEX
from tests.registry.answers import NOT_SUPPORTED, Call, RefusedError, check_digest, page
from tests.registry.messages import Response, json_response
from tests.registry.state import Json, Manifest, children, digest_like, is_digest

_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


def answer_manifest(call: Call, reference: str) -> Response:
    """HEAD, GET, PUT and DELETE of a manifest, by tag or digest."""
    if is_digest(reference):
        check_digest(reference)
    methods = {"GET": _get, "HEAD": _get, "PUT": _put, "DELETE": _delete}
    if call.request.method not in methods:
        raise RefusedError(405, "UNSUPPORTED")
    return methods[call.request.method](call, reference)


def list_tags(call: Call) -> Response:
    with call.state.lock:
        names = sorted(call.repository.tags)
    shown, fields = page(call, "tags/list", names, call.behaviour.tags_page)
    return json_response({"name": call.name, "tags": shown}, 200, *fields)


def list_referrers(call: Call, digest: str) -> Response:
    """The manifests whose subject has this digest, as an index."""
    if not call.behaviour.referrers:
        return NOT_SUPPORTED
    check_digest(digest)
    with call.state.lock:
        repository = call.state.repositories.get(call.name)
        manifests = {} if repository is None else dict(repository.manifests)
    found = {each: _describe(each, manifest) for each, manifest in manifests.items() if _subject(manifest) == digest}
    wanted = call.request.query.get("artifactType")
    fields: tuple[tuple[str, str], ...] = (("Content-Type", IMAGE_INDEX),)
    if wanted is not None and call.behaviour.referrers_filter:
        found = {each: entry for each, entry in found.items() if entry.get("artifactType") == wanted}
        fields = (*fields, ("OCI-Filters-Applied", "artifactType"))
    shown, link = page(call, f"referrers/{digest}", sorted(found), call.behaviour.referrers_page)
    index = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [found[each] for each in shown]}
    return json_response(index, 200, *fields, *link)


def _get(call: Call, reference: str) -> Response:
    found = call.repository.find(reference)
    if found is None:
        raise RefusedError(404, "MANIFEST_UNKNOWN")
    digest, manifest = found
    if call.behaviour.accept_needed and not _accepts(call.request.headers.get("accept", ""), manifest.media_type):
        raise RefusedError(404, "MANIFEST_UNKNOWN", "it has another type than the client accepts")
    fields = (("Content-Type", manifest.media_type), *call.digest_field(digest))
    return Response(headers=fields, body=manifest.raw)


def _accepts(accept: str, media_type: str) -> bool:
    accepted = {part.partition(";")[0].strip() for part in accept.split(",")}
    return not accepted.isdisjoint((media_type, "*/*", "application/*"))


def _put(call: Call, reference: str) -> Response:
    raw = call.request.body.read(call.behaviour.max_manifest)
    if len(raw) > call.behaviour.max_manifest:
        raise RefusedError(413, "SIZE_INVALID", f"a manifest has at most {call.behaviour.max_manifest} bytes")
    by_digest = is_digest(reference)
    if not by_digest and not _TAG.fullmatch(reference):
        raise RefusedError(400, "TAG_INVALID")
    digest = digest_like(raw, reference if by_digest else "sha256:")
    if by_digest and digest != reference:
        raise RefusedError(400, "DIGEST_INVALID")
    media_type = call.request.headers.get("content-type", "").partition(";")[0].strip()
    manifest = Manifest(raw, media_type)
    _check(call, manifest)
    with call.state.lock:
        repository = call.state.repository(call.name)
        repository.put_manifest(raw, media_type, digest=digest, tag=None if by_digest else reference)
    fields = (call.location(f"manifests/{digest}"), *call.digest_field(digest))
    subject = _subject(manifest)
    if subject is not None and call.behaviour.referrers:
        fields = (*fields, ("OCI-Subject", subject))
    return Response(status=201, headers=fields)


def _check(call: Call, manifest: Manifest) -> None:
    value = manifest.value
    if manifest.media_type not in DOCUMENTS:
        raise RefusedError(400, "MANIFEST_INVALID", f"`{manifest.media_type}` is no manifest's type")
    if value.get("schemaVersion") != 2 and "blobs" not in value:
        raise RefusedError(400, "MANIFEST_INVALID", "`schemaVersion` is not 2")
    if value.get("mediaType", manifest.media_type) != manifest.media_type:
        raise RefusedError(400, "MANIFEST_INVALID", "`mediaType` is not the `Content-Type`")
    if not call.behaviour.children_needed:
        return
    with call.state.lock:
        repository = call.state.repository(call.name)
        missing = [entry["digest"] for entry in children(manifest) if not repository.holds(entry)]
    if missing:
        raise RefusedError(400, "MANIFEST_BLOB_UNKNOWN", f"{missing[0]} is not there")


def _delete(call: Call, reference: str) -> Response:
    if not call.behaviour.deletes:
        raise RefusedError(405, "UNSUPPORTED")
    with call.state.lock:
        if not call.repository.remove_manifest(reference):
            raise RefusedError(404, "MANIFEST_UNKNOWN")
    return Response(status=202)


def _subject(manifest: Manifest) -> str | None:
    subject = manifest.value.get("subject")
    digest = subject.get("digest") if isinstance(subject, dict) else None
    return digest if isinstance(digest, str) else None


def _describe(digest: str, manifest: Manifest) -> dict[str, Json]:
    """What a list of referrers says about one of them."""
    value = manifest.value
    config = value.get("config")
    artifact_type = value.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)
    entry: dict[str, Json] = {"mediaType": manifest.media_type, "digest": digest, "size": len(manifest.raw)}
    if artifact_type:
        entry["artifactType"] = artifact_type
    if value.get("annotations"):
        entry["annotations"] = value["annotations"]
    return entry
