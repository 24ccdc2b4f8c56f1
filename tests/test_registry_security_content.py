"""Hostile registries and content: right bytes or a typed error, and nothing under a final name (docs/security.md)."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from packaging_kit import Blob, Digest, LayoutPlace, Settings
from packaging_kit.cli.terminal import print_error
from packaging_kit.errors import PackagingKitError
from packaging_kit.limits import MAX_INDEX_DEPTH, MAX_WHOLE_SIZE
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.media_types import DOCKER_INDEX, IMAGE_INDEX, IMAGE_MANIFEST, WASM, WASM_CONFIG
from packaging_kit.operations.copy import copy
from packaging_kit.operations.registries import list_tags, resolve
from tests.hostile import (
    CONTENT,
    OUTPUT,
    REPOSITORY,
    TAG,
    descriptor,
    known,
    manifest,
    pull,
    pull_refused,
    put,
    refused,
)
from tests.registry import Behaviour, Fault, Kind, Registry, Response
from tests.registry.messages import json_response
from tests.repositories import blobs_of, index_of, pack, registry_options, registry_place, registry_store, sample

MANIFESTS = f"/v2/{REPOSITORY}/manifests/"
DIGEST = Digest.of(CONTENT)
LAYER = f"/blobs/{DIGEST}"
OTHER = b"\0asm\x0d\0\1\0" + b"other content" * 100


def always(kind: Kind, path: str = "", **fields: Any) -> Fault:
    """A fault that every request with this path has."""
    return Fault(kind=kind, path=path, times=None, **fields)


def copied(registry: Registry, folder: Path) -> str:
    """The code that a copy to a layout ends in; the layout must not name anything."""
    settings = Settings(temporary=folder, registry=known())
    place = LayoutPlace(folder=folder / "layout", tag=TAG)
    code = refused(lambda: copy(registry_place(registry.host, REPOSITORY, TAG), place, settings))
    index = folder / "layout" / "index.json"
    assert not index.exists() or json.loads(index.read_bytes())["manifests"] == []
    return code


# --- documents ---


@pytest.mark.parametrize(
    "digest",
    [
        "sha256:../../../etc/passwd",
        "../../../../etc/passwd",
        "sha256:" + "../" * 20 + "0000",
        "sha256:" + "A" * 64,
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 64 + "\n",
        "sha256:" + "a" * 64 + "/../../x",
        "md5:" + "a" * 32,
        "sha256:?" + "a" * 63,
        "",
        7,
        None,
    ],
)
@pytest.mark.parametrize("place", ["layer", "config", "subject"])
def test_digest_that_is_none_reaches_no_path_and_no_url(digest: object, place: str, tmp_path: Path) -> None:
    spoiled = descriptor(CONTENT, WASM, digest=digest)
    fields: dict[str, Any] = {} if place == "layer" else {place: {**spoiled, "mediaType": WASM_CONFIG}}
    with Registry() as registry:
        put(registry, manifest(spoiled if place == "layer" else None, **fields))
        codes = (pull_refused(registry.host, tmp_path), copied(registry, tmp_path))
        asked = [seen.path for seen in registry.requests if "/blobs/" in seen.path]

    assert codes == ("document-invalid", "document-invalid")
    assert asked == []


@pytest.mark.parametrize("digest", ["../../x", "sha256:../../x", "sha256:" + "A" * 64, "é", ""])
def test_digest_that_a_registry_says_is_none_is_refused(digest: str, tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry)
        registry.script([always(Kind.WITH_HEADERS, MANIFESTS, headers=(("Docker-Content-Digest", digest),))])

        assert pull_refused(registry.host, tmp_path) == "registry-answer-invalid"


def test_digest_that_a_registry_lies_about_is_noticed(tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry)
        registry.script([always(Kind.WRONG_DIGEST, MANIFESTS)])

        assert pull_refused(registry.host, tmp_path) == "digest-mismatch"


@pytest.mark.parametrize("header", [True, False], ids=["it-says-so", "it-does-not-say"])
def test_other_manifest_than_the_digest_asked_for_is_refused(header: bool, tmp_path: Path) -> None:
    with Registry(Behaviour(digest_header=header)) as registry:
        wanted = Digest(put(registry))
        registry.put_blob(REPOSITORY, OTHER)
        raw = manifest(descriptor(OTHER, WASM))
        said = (("Docker-Content-Digest", Digest.of(raw).value),) if header else ()
        answer = Response(headers=(("Content-Type", IMAGE_MANIFEST), *said), body=raw)
        registry.script([always(Kind.ANSWER, MANIFESTS, answer=answer)])

        assert pull_refused(registry.host, tmp_path, digest=wanted) == "digest-mismatch"


@pytest.mark.parametrize("as_type", [IMAGE_MANIFEST, IMAGE_INDEX])
@pytest.mark.parametrize("own_type", [IMAGE_MANIFEST, IMAGE_INDEX, None])
def test_manifest_that_is_an_index_too_is_refused(as_type: str, own_type: str | None, tmp_path: Path) -> None:
    value = json.loads(manifest())
    value["manifests"] = [descriptor(manifest(), IMAGE_MANIFEST)]
    value["mediaType"] = own_type
    raw = json.dumps({name: field for name, field in value.items() if field is not None}).encode()
    with Registry() as registry:
        put(registry)
        registry.put_manifest(REPOSITORY, raw, as_type, TAG)
        codes = {pull_refused(registry.host, tmp_path), copied(registry, tmp_path)}

    assert codes == {"document-invalid"}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (IMAGE_INDEX, "document-invalid"),
        (DOCKER_INDEX, "document-invalid"),
        ("application/vnd.docker.distribution.manifest.v2+json", "document-invalid"),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", ""),
        ("text/html", ""),
        ("", ""),
    ],
)
def test_type_that_a_document_does_not_say_of_itself_is_not_believed(said: str, code: str, tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry)
        registry.script([always(Kind.WITH_HEADERS, MANIFESTS, headers=(("Content-Type", said),))])
        if code:
            assert pull_refused(registry.host, tmp_path) == code
        else:
            assert pull(registry.host, tmp_path) == CONTENT


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"[]", b"<html>", b'{"mediaType":7}', b"[" * 100_000, b"\xff\xfe", b"9" * 5000]
)
def test_answer_that_is_no_document_is_refused(raw: bytes, tmp_path: Path) -> None:
    answer = Response(headers=(("Content-Type", IMAGE_MANIFEST),), body=raw)
    with Registry() as registry:
        registry.script([always(Kind.ANSWER, answer=answer)])
        codes = (pull_refused(registry.host, tmp_path), copied(registry, tmp_path))

    assert codes == ("document-invalid", "document-invalid")


def test_tag_is_resolved_once_though_it_names_something_else_each_time(tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry)
        registry.put_blob(REPOSITORY, OTHER)
        raw = manifest(descriptor(OTHER, WASM))
        answer = Response(headers=(("Content-Type", IMAGE_MANIFEST),), body=raw)
        registry.script([Fault(kind=Kind.ANSWER, path=f"manifests/{TAG}$", answer=answer)])
        first = pull(registry.host, tmp_path)
        asked = [seen for seen in registry.requests if seen.path.endswith(f"manifests/{TAG}")]

    assert (first, len(asked)) == (OTHER, 1)


def test_copy_of_a_tag_that_moves_holds_all_that_it_names(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag=TAG)
    with Registry() as registry:
        put(registry)
        registry.put_blob(REPOSITORY, OTHER)
        raw = manifest(descriptor(OTHER, WASM))
        answer = Response(headers=(("Content-Type", IMAGE_MANIFEST),), body=raw)
        registry.script([Fault(kind=Kind.ANSWER, path=f"manifests/{TAG}$", answer=answer)])
        copy(registry_place(registry.host, REPOSITORY, TAG), place, Settings(registry=known()))

    (entry,) = json.loads(index_of(place))["manifests"]
    assert (entry["digest"], Digest.of(OTHER) in blobs_of(place)) == (Digest.of(raw).value, True)


def test_indexes_inside_indexes_are_followed_to_a_depth(tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry)
        raw, media_type = manifest(), IMAGE_MANIFEST
        for _ in range(MAX_INDEX_DEPTH + 2):
            value = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [descriptor(raw, media_type)]}
            raw, media_type = json.dumps(value).encode(), IMAGE_INDEX
            registry.put_manifest(REPOSITORY, raw, media_type, TAG)

        assert copied(registry, tmp_path) == "document-invalid"


# --- sizes ---


@pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1, 0, 1 << 40])
def test_size_that_a_manifest_lies_about_is_noticed(size: int, tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry, manifest(descriptor(CONTENT, WASM, size=size)))
        codes = {pull_refused(registry.host, tmp_path), copied(registry, tmp_path)}

    assert codes <= {"size-mismatch", "wasm-too-large", "skeleton-too-large"}


@pytest.mark.parametrize("size", [-1, 1 << 63, 1.5, "7", None, True])
def test_size_that_is_none_is_refused(size: object, tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry, manifest(descriptor(CONTENT, WASM, size=size)))
        codes = {pull_refused(registry.host, tmp_path), copied(registry, tmp_path)}

    assert codes == {"document-invalid"}


def test_component_that_is_too_large_is_refused_before_it_is_fetched(tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry, manifest(descriptor(CONTENT, WASM, size=MAX_WHOLE_SIZE + 1)))
        code = pull_refused(registry.host, tmp_path)
        fetched = [seen for seen in registry.requests if seen.method == "GET" and seen.path.endswith(LAYER)]

    assert (code, fetched) == ("wasm-too-large", [])


@pytest.mark.parametrize("size", ["1", str(len(CONTENT) * 2), "-1", "abc", "1" * 5000, "1, 2", "", "²"])
def test_content_length_that_lies_gives_right_bytes_or_an_error(size: str, tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry)
        # Every answer, also the one that tells the size of the blob.
        registry.script([always(Kind.WITH_HEADERS, LAYER, headers=(("Content-Length", size),))])
        options = registry_options(tries=2, read_timeout=0.5)
        try:
            outcome = "" if pull(registry.host, tmp_path, options) == CONTENT else "wrong bytes"
        except PackagingKitError as exc:
            outcome = exc.code

    assert outcome in ("", "size-mismatch", "registry-unreachable", "registry-timeout", "registry-answer-invalid")


@pytest.mark.parametrize("kind", [Kind.WRONG_BYTES, Kind.LONGER, Kind.SHORTER, Kind.TRUNCATED])
def test_content_that_is_not_the_digests_gets_no_name(kind: Kind, tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry)
        registry.script([always(kind, LAYER, method="GET")])
        codes = (pull_refused(registry.host, tmp_path), copied(registry, tmp_path))

    expected = {Kind.WRONG_BYTES: "digest-mismatch", Kind.TRUNCATED: "registry-unreachable"}
    assert codes == (expected.get(kind, "size-mismatch"),) * 2


def test_content_that_changes_between_two_halves_is_noticed(tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry)
        spoiled = Response(
            status=206, headers=(("Content-Range", f"bytes 0-{len(CONTENT) - 1}/*"),), body=bytes(len(CONTENT))
        )
        registry.script(
            [
                Fault(kind=Kind.TRUNCATED, path=LAYER, method="GET"),
                Fault(kind=Kind.ANSWER, path=LAYER, method="GET", at=1, times=None, answer=spoiled),
            ]
        )

        assert pull_refused(registry.host, tmp_path) == "digest-mismatch"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip, gzip", "x-unknown"])
def test_body_in_a_coding_that_nobody_asked_for_is_refused(coding: str, tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry)
        registry.script([always(Kind.WITH_HEADERS, headers=(("Content-Encoding", coding),))])
        code = pull_refused(registry.host, tmp_path)
        accepted = {seen.headers["accept-encoding"] for seen in registry.requests}

    assert (code, accepted) == ("registry-answer-invalid", {"identity"})


# --- names ---


def test_names_in_annotations_decide_nothing_about_files(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    title = {"org.opencontainers.image.title": "../outside.wasm", "io.deis.oras.content.unpack": "true"}
    with Registry() as registry:
        put(registry, manifest(descriptor(CONTENT, WASM, annotations=title)))
        pull(registry.host, folder)

    assert [path.name for path in folder.iterdir()] == [OUTPUT]
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "a\n", "\x1b[2J", "", ".", "..", "a" * 129, 7, None])
def test_tag_that_is_none_is_not_listed(name: object) -> None:
    with Registry() as registry:
        registry.script([always(Kind.ANSWER, answer=json_response({"tags": ["good", name]}))])
        tags = list_tags(registry_place(registry.host, REPOSITORY), Settings(registry=known()))

    assert tags == ("good",)


@pytest.mark.parametrize("tags", [{}, "v", 7, None, [["v"]], [{}]])
def test_list_of_tags_that_is_none_is_empty(tags: object) -> None:
    with Registry() as registry:
        registry.script([always(Kind.ANSWER, answer=json_response({"tags": tags}))])

        assert list_tags(registry_place(registry.host, REPOSITORY), Settings(registry=known())) == ()


@pytest.mark.parametrize(
    "entries",
    [
        7,
        [7],
        [{}],
        [descriptor(CONTENT, IMAGE_MANIFEST, digest="../../x")],
        [descriptor(CONTENT, IMAGE_MANIFEST, size=-1)],
    ],
)
def test_list_of_referrers_that_is_none_is_refused(entries: object) -> None:
    answer = json_response({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries})
    with Registry() as registry:
        registry.script([always(Kind.ANSWER, "/referrers/", answer=answer)])
        store = registry_store(registry.host, REPOSITORY)

        assert refused(lambda: store.referrers(DIGEST)) == "registry-answer-invalid"


def test_referrer_that_refers_to_something_else_is_not_one() -> None:
    raw = manifest()
    listed = json_response(
        {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [descriptor(raw, IMAGE_MANIFEST)]}
    )
    with Registry() as registry:
        put(registry, raw)
        registry.script([always(Kind.ANSWER, "/referrers/", answer=listed)])

        assert registry_store(registry.host, REPOSITORY).referrers(DIGEST) == ()


def test_what_a_registry_says_cannot_write_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\r\n\u202eerror[fine]: all is well"
    answer = json_response({"errors": [{"code": evil, "message": evil}]}, 403)
    with Registry() as registry:
        registry.script([always(Kind.ANSWER, answer=answer)])
        with pytest.raises(PackagingKitError) as caught:
            resolve(registry_place(registry.host, REPOSITORY, TAG), Settings(registry=known()))
        print_error(caught.value)
    said = capsys.readouterr().err

    assert "owned" in said
    assert all(line.isprintable() for line in said.splitlines())
    assert len(said.splitlines()) <= 2


# --- pushing to a registry that lies ---


def test_registry_that_stores_something_else_is_noticed(tmp_path: Path) -> None:
    pack(LayoutPlace(folder=tmp_path / "layout"), sample())
    settings = Settings(temporary=tmp_path, registry=known())
    place = LayoutPlace(folder=tmp_path / "layout", tag=TAG)
    with Registry() as registry:
        registry.script([always(Kind.WRONG_DIGEST, method="PUT", path="/manifests/")])
        code = refused(lambda: copy(place, registry_place(registry.host, "b", TAG), settings))

    assert (code, registry.tags("b")) == ("digest-mismatch", {})


@pytest.mark.parametrize("size", ["7", "-7", "", "999999999999999999999999999999", "²"])
def test_size_that_a_registry_lies_about_makes_no_blob_count_as_held(size: str) -> None:
    blob = Blob(DIGEST, len(CONTENT))
    with Registry() as registry:
        registry.put_blob(REPOSITORY, CONTENT)
        registry.script([always(Kind.WITH_HEADERS, method="HEAD", headers=(("Content-Length", size),))])
        store = registry_store(registry.host, REPOSITORY)
        try:
            is_held = store.holds_blob(blob)
        except PackagingKitError as exc:
            is_held = exc.code not in ("registry-answer-invalid", "registry-unreachable")

    assert not is_held


@pytest.mark.parametrize("least", ["99999999999999999999999", "-1", "0", "abc", "²"])
def test_smallest_chunk_that_a_registry_asks_for_does_no_harm(least: str) -> None:
    content = io.BytesIO(bytes(range(256)) * 1024).getvalue()
    with Registry(Behaviour(max_put=64 << 10)) as registry:
        registry.script([always(Kind.WITH_HEADERS, method="POST", headers=(("OCI-Chunk-Min-Length", least),))])
        store = registry_store(registry.host, REPOSITORY, registry_options(chunk_size=64 << 10))
        store.write_blob((content,), Blob(Digest.of(content), len(content)))

        assert registry.blobs(REPOSITORY)[Digest.of(content).value] == content


def test_descriptor_of_more_than_a_document_may_have_is_refused_before_it_is_fetched() -> None:
    large = Descriptor(media_type=IMAGE_MANIFEST, digest=DIGEST, size=sys.maxsize)
    with Registry() as registry:
        registry.put_manifest(REPOSITORY, CONTENT, IMAGE_MANIFEST)
        store = registry_store(registry.host, REPOSITORY)

        assert refused(lambda: store.read_document(large)) in (
            "size-mismatch",
            "document-invalid",
            "document-too-large",
        )
