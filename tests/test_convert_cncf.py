"""Artifacts of older tools that are written anew: what `pack` would write of the same file, byte for byte."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import packaging_kit
from packaging_kit import Converted, Digest, Form, Input, LayoutPlace, LayoutStore, PackOptions, PackResult
from packaging_kit.artifact.names import StatedNames
from packaging_kit.artifact.rewrite import rewrite
from packaging_kit.artifact.titles import why_no_file_name
from packaging_kit.artifact.unpack import StoredComponent, find_component
from packaging_kit.document import dump_json
from packaging_kit.errors import ContentError, DocumentError, PackagingKitError, RequestError, StoreError
from packaging_kit.limits import MAX_MANIFEST_SIZE
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.layout import Tagged, fallback_tag
from packaging_kit.oci.media_types import (
    EMPTY,
    IMAGE_MANIFEST,
    REF_NAME,
    SKELETON_ARTIFACT,
    SPLIT_INDEX,
    TITLE,
    WASM,
    WASM_CONFIG,
    WASM_CONFIGS,
    WASM_LAYERS,
)
from packaging_kit.operations.copy import copy
from packaging_kit.operations.places import LocalPlace, RepositoryPlace, with_tag
from packaging_kit.operations.repositories import open_local_sink, open_source
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.transfer.copy import ReferrerChoice
from packaging_kit.transfer.progress import NoProgress
from tests.conftest import FIXTURES
from tests.real.registries import start
from tests.registry import Behaviour, Registry
from tests.repositories import (
    PLACE_KINDS,
    SETTINGS,
    SIGNATURE,
    TAG,
    PlaceKind,
    blobs_of,
    files,
    index,
    index_of,
    make_place,
    manifest,
    pack,
    registry_place,
    registry_store,
    sample,
    sign,
    sign_place,
    tag,
    unpack,
    write,
    write_document,
)
from tests.strategies import CORE_MODULE, component, module, section
from tests.test_registry_clients import Bench

OLD_CONFIG = "application/vnd.wasm.config.v1+json"
OLD_LAYER = "application/vnd.wasm.content.layer.v1+wasm"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
OLDER_TYPES = tuple(
    types for types in itertools.product(sorted(WASM_CONFIGS), sorted(WASM_LAYERS)) if types != (WASM_CONFIG, WASM)
)
OF_A_FORM = (SKELETON_ARTIFACT, SPLIT_INDEX)
CREATED = "2023-04-05T06:07:08.9+01:00"
EPOCH = "1970-01-01T00:00:00Z"
EXTERN_UNKNOWN = FIXTURES / "bytes" / "extern-unknown-form.wasm"

FILES = (
    *("real/c.wasm", "real/composed.wasm", "handmade/core-module.wasm", "handmade/metadata-invalid.wasm"),
    *sorted(path.relative_to(FIXTURES).as_posix() for path in (FIXTURES / "wit").glob("*.wasm")),
)

# A configuration as image builders write it around a Wasm binary.
IMAGE = {
    "architecture": "wasm",
    "os": "wasip1",
    "created": CREATED,
    "author": "Ann",
    "config": {"Entrypoint": ["app.wasm"], "Labels": {"a": "b"}},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + 64 * "0"]},
    "history": [{"created": "2020-01-01T00:00:00Z", "author": "somebody else"}],
}


def write_older(
    store: IndexedStore,
    data: bytes,
    *,
    config: bytes = dump_json(IMAGE),
    config_type: str = OLD_CONFIG,
    layer_type: str = OLD_LAYER,
    layer_annotations: Mapping[str, str] | None = None,
    algorithm: str = "sha256",
    **fields: Any,
) -> Descriptor:
    """Write an artifact as older tools did."""
    annotations = {TITLE: "app.wasm"} if layer_annotations is None else layer_annotations
    layer = replace(write(store, data, layer_type, algorithm), annotations=annotations)
    entry = write_document(store, manifest(write(store, config, config_type), layer, **fields))
    return replace(entry, artifact_type=fields.get("artifactType"))


def put_older(place: LocalPlace, data: bytes | None = None, name: str = TAG, **options: Any) -> Descriptor:
    """The same under a tag."""
    with open_local_sink(place, SETTINGS) as store:
        entry = write_older(store, sample() if data is None else data, **options)
        tag(store, entry, name)
    return entry


def convert(
    place: RepositoryPlace, form: Form = Form.MAPPED, destination: RepositoryPlace | None = None, **options: Any
) -> Converted:
    return packaging_kit.convert(place, form, SETTINGS, destination=destination, cncf=True, **options)


def packed(place: LocalPlace, form: Form = Form.MAPPED, data: bytes | None = None, **options: Any) -> PackResult:
    """Pack the same binary with what `IMAGE` says."""
    said = {"title": "app.wasm", "author": "Ann", "created": CREATED} | options
    return pack(place, sample() if data is None else data, form, **said)


def bare(place: LayoutPlace) -> LayoutPlace:
    return replace(place, tag=None)


def stored(place: RepositoryPlace) -> StoredComponent:
    with open_source(place, SETTINGS) as store:
        return find_component(store, store.find(place.tag, place.digest))


def config_of(place: RepositoryPlace) -> Any:
    return json.loads(stored(place).config)


def foreign(entries: tuple[Descriptor, ...]) -> list[Digest]:
    """What others attached, among referrers that were reported."""
    return [entry.digest for entry in entries if entry.artifact_type not in OF_A_FORM]


@pytest.fixture
def place(tmp_path: Path) -> LayoutPlace:
    return LayoutPlace(folder=tmp_path / "layout", tag=TAG)


# What is written


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize(("config_type", "layer_type"), OLDER_TYPES)
def test_artifact_of_an_older_type_becomes_the_one_that_pack_writes(
    config_type: str, layer_type: str, form: Form, place: LayoutPlace, tmp_path: Path
) -> None:
    old = put_older(place, config_type=config_type, layer_type=layer_type)
    expected = LayoutPlace(folder=tmp_path / "packed")
    result = packed(expected, form)

    converted = convert(place, form)
    packaging_kit.gc(bare(place))

    assert files(place.folder) == files(expected.folder)
    assert (converted.former, converted.digest, converted.form) == (old.digest, result.digest, form)
    assert converted.manifest == stored(place).manifest.digest
    assert unpack(place, tmp_path / "out") == sample()


@pytest.mark.parametrize(("here", "there"), list(itertools.product(PLACE_KINDS, PLACE_KINDS)))
@pytest.mark.parametrize("form", Form)
def test_artifact_that_is_written_anew_elsewhere_is_the_same(
    form: Form, here: PlaceKind, there: PlaceKind, tmp_path: Path
) -> None:
    source, sink = make_place(here, tmp_path / "a", TAG), make_place(there, tmp_path / "b")
    expected = make_place(there, tmp_path / "packed")
    put_older(source)
    packed(expected, form)
    before = index_of(source), blobs_of(source)

    converted = convert(source, form, sink)

    assert (index_of(sink), blobs_of(sink)) == (index_of(expected), blobs_of(expected))
    assert (index_of(source), blobs_of(source)) == before
    assert (converted.tag, converted.left) == (TAG, ())


@pytest.mark.parametrize("form", Form)
def test_artifact_in_an_archive_is_written_anew_in_its_place(form: Form, tmp_path: Path) -> None:
    archive, expected = make_place("archive", tmp_path / "a", TAG), make_place("archive", tmp_path / "packed")
    put_older(archive)
    packed(expected, form)

    convert(archive, form)

    assert index_of(archive) == index_of(expected)
    assert blobs_of(expected).items() <= blobs_of(archive).items()
    assert packaging_kit.verify(replace(archive, tag=None), SETTINGS).problems == ()


@pytest.mark.parametrize(
    "name",
    FILES,
)
@pytest.mark.parametrize("form", [Form.WHOLE, Form.MAPPED])
def test_what_is_converted_is_what_is_packed_from_the_file(
    form: Form, name: str, place: LayoutPlace, tmp_path: Path
) -> None:
    file = FIXTURES / name
    put_older(place, file.read_bytes(), config=b"{}", config_type=EMPTY, layer_annotations={TITLE: file.name})
    expected = LayoutPlace(folder=tmp_path / "packed")
    (result,) = packaging_kit.pack([Input(name=str(file))], expected, PackOptions(form=form, tag=TAG), SETTINGS)

    converted = convert(place, form)
    packaging_kit.gc(bare(place))

    assert files(place.folder) == files(expected.folder)
    assert (converted.form, converted.whole, converted.warnings) == (result.form, result.whole, result.warnings)


@pytest.mark.parametrize("data", [CORE_MODULE, module(9000), component(), component(section(1, module(4095)))])
@pytest.mark.parametrize("form", Form)
def test_what_has_nothing_to_split_becomes_whole(form: Form, data: bytes, place: LayoutPlace, tmp_path: Path) -> None:
    put_older(place, data)
    packed(LayoutPlace(folder=tmp_path / "packed"), form, data)

    converted = convert(place, form)
    packaging_kit.gc(bare(place))

    assert (converted.form, files(place.folder)) == (Form.WHOLE, files(tmp_path / "packed"))


def test_second_time_changes_no_file(place: LayoutPlace) -> None:
    put_older(place)
    first = convert(place)
    before = files(place.folder)

    second = convert(place)

    assert (second.former, second.manifest, files(place.folder)) == (None, first.manifest, before)


def test_whole_that_is_named_by_sha512_gets_the_digest_that_pack_gives_it(place: LayoutPlace, tmp_path: Path) -> None:
    put_older(place, algorithm="sha512")
    expected = LayoutPlace(folder=tmp_path / "packed")
    packed(expected)

    converted = convert(place)
    packaging_kit.gc(bare(place))

    assert converted.whole.digest == Digest.of(sample())
    assert (index_of(place), blobs_of(place)) == (index_of(expected), blobs_of(expected))


@pytest.mark.parametrize("before", Form)
@pytest.mark.parametrize("after", Form)
def test_older_artifact_in_any_form_is_written_anew(
    before: Form, after: Form, place: LayoutPlace, tmp_path: Path
) -> None:
    old = put_older(place)
    packaging_kit.convert(place, before, SETTINGS)
    packed(LayoutPlace(folder=tmp_path / "packed"), after)

    converted = convert(place, after)
    packaging_kit.gc(bare(place))

    assert (converted.former, files(place.folder)) == (old.digest, files(tmp_path / "packed"))


def test_index_around_one_older_manifest_gives_way_to_the_artifact(place: LayoutPlace, tmp_path: Path) -> None:
    with open_local_sink(place, SETTINGS) as store:
        old = write_older(store, sample())
        tag(store, write_document(store, index(old)), TAG)
    packed(LayoutPlace(folder=tmp_path / "packed"))

    converted = convert(place)
    packaging_kit.gc(bare(place))

    assert (converted.former, files(place.folder)) == (old.digest, files(tmp_path / "packed"))


# What is in the CNCF layout already


@pytest.mark.parametrize("form", Form)
def test_artifact_in_the_cncf_layout_keeps_its_digest_and_its_signature(form: Form, place: LayoutPlace) -> None:
    packed(place, Form.WHOLE)
    digest = stored(place).manifest.digest
    signature = sign_place(place, digest)

    converted = convert(place, form)

    assert (converted.former, converted.manifest, stored(place).manifest.digest) == (None, digest, digest)
    assert (foreign(converted.kept), foreign(converted.left)) == ([signature.digest], [])


@pytest.mark.parametrize(
    "options",
    [
        {"config": b"no JSON"},
        {"artifactType": "application/vnd.example"},
        {"algorithm": "sha512"},
        {"layer_annotations": {TITLE: "../a"}, "annotations": {"run.oci.handler": "wasm"}},
    ],
    ids=lambda options: next(iter(options)),
)
def test_media_types_alone_tell_what_is_in_the_cncf_layout(options: dict[str, Any], place: LayoutPlace) -> None:
    entry = put_older(place, config_type=WASM_CONFIG, layer_type=WASM, **options)
    before = files(place.folder)

    converted = convert(place, Form.WHOLE)

    assert (converted.former, converted.manifest, files(place.folder)) == (None, entry.digest, before)


@pytest.mark.parametrize("form", Form)
def test_older_artifact_stays_as_it_is_where_nothing_else_is_asked(form: Form, place: LayoutPlace) -> None:
    entry = put_older(place)

    converted = packaging_kit.convert(place, form, SETTINGS)

    assert (converted.former, converted.manifest, stored(place).manifest.digest) == (None, entry.digest, entry.digest)


# What the former artifact said


FILE_NAMES = (
    *("a.wasm", "A b.wasm", "größe.wasm", "文件.wasm", ".hidden.wasm", "a" * 255, "é" * 127, "console.wasm"),
    *("com10.wasm", "con-1", "nul_", "-", "a'b&$(c).wasm", "..a"),
)
NO_FILE_NAMES = (
    *("", ".", "..", "a/b.wasm", "/a", "../a", "a\\b", "C:a", 'a"b', "a<b", "a>b", "a|b", "a?", "a*"),
    *("a\0b", "a\nb", "\x1b[31ma", "a\x7f", "a\x85b", "a\u202ebmsaw", "a\u2028b", "a\u200bb"),
    *("a.", "a ", "...", "a" * 256, "é" * 128),
    *("con", "CON.wasm", "nul .txt", "Aux.", "prn.tar.gz", "COM1", "lpt9.wasm", "com¹.wasm", "CONIN$", "conout$.wasm"),
)


@pytest.mark.parametrize("title", FILE_NAMES)
def test_title_that_is_a_file_name_everywhere_is_kept(title: str, place: LayoutPlace) -> None:
    put_older(place, layer_annotations={TITLE: title, "other": "is gone"})

    convert(place)

    assert stored(place).layer.annotations == {TITLE: title}


@pytest.mark.parametrize("title", NO_FILE_NAMES)
@pytest.mark.parametrize(("data", "expected"), [(sample(), "component.wasm"), (CORE_MODULE, "module.wasm")])
def test_title_that_is_no_file_name_is_not_kept(title: str, data: bytes, expected: str, place: LayoutPlace) -> None:
    put_older(place, data, layer_annotations={TITLE: title})

    convert(place)

    assert stored(place).layer.annotations == {TITLE: expected}


@pytest.mark.parametrize(("data", "expected"), [(sample(), "component.wasm"), (CORE_MODULE, "module.wasm")])
def test_layer_without_a_title_gets_one(data: bytes, expected: str, place: LayoutPlace) -> None:
    put_older(place, data, layer_annotations={})

    convert(place)

    assert stored(place).layer.annotations == {TITLE: expected}


@given(st.text(max_size=300))
def test_file_name_of_any_text_is_a_name_in_one_folder(text: str) -> None:
    assert why_no_file_name(text) is not None or (Path("folder") / text).parts == ("folder", text)


def test_annotations_are_kept_but_for_those_of_the_old_image(place: LayoutPlace) -> None:
    kept = {
        "com.example.team": "wasm",
        "org.opencontainers.image.created": CREATED,
        "org.opencontainers.image.source": "https://example.com",
        "": "no key",
        "ünïcode": "\x00\x1b",
    }
    of_the_image = {
        "module.wasm.image/variant": "compat",
        "run.oci.handler": "wasm",
        "io.containerd.image.name": "example.com/app:v1",
        REF_NAME: "v1",
    }
    put_older(place, annotations=kept | of_the_image, artifactType="application/vnd.example.module.v1")

    convert(place)

    assert stored(place).manifest.value.annotations == kept
    assert stored(place).manifest.value.artifact_type is None


def test_annotation_of_the_manifest_wins_over_the_one_in_the_binary(place: LayoutPlace, tmp_path: Path) -> None:
    file = FIXTURES / "vectors" / "oci" / "metadata" / "input.wasm"
    said = {"org.opencontainers.image.version": "said otherwise", "more": ""}
    put_older(place, file.read_bytes(), annotations=said)
    packed(LayoutPlace(folder=tmp_path / "packed"), data=file.read_bytes(), annotations=said)

    convert(place)
    packaging_kit.gc(bare(place))

    assert files(place.folder) == files(tmp_path / "packed")
    assert len(stored(place).manifest.value.annotations) > len(said)


TIMES = (CREATED, EPOCH, "2024-02-29t23:59:60z", "0001-01-01T00:00:00-23:59")
NO_TIMES: tuple[object, ...] = (
    None,
    "",
    "2023-02-29T00:00:00Z",
    "2023-04-05",
    "yesterday",
    f"{CREATED}\n",
    1.5,
    1680674828,
    [CREATED],
    {},
)
OTHER_TIME = "2001-02-03T04:05:06Z"


@pytest.mark.parametrize(
    ("in_config", "annotation", "expected"),
    [
        *((time, OTHER_TIME, time) for time in TIMES),
        *((time, OTHER_TIME, OTHER_TIME) for time in NO_TIMES),
        *((None, time, time) for time in TIMES),
        *((None, time, EPOCH) for time in NO_TIMES if isinstance(time, str)),
        (None, None, EPOCH),
    ],
)
def test_time_is_the_first_that_is_one(
    in_config: object, annotation: str | None, expected: str, place: LayoutPlace
) -> None:
    annotations = {} if annotation is None else {"org.opencontainers.image.created": annotation}
    put_older(place, config=json.dumps({"created": in_config}).encode(), annotations=annotations)

    convert(place)

    assert config_of(place)["created"] == expected
    assert stored(place).manifest.value.annotations == annotations


@pytest.mark.parametrize("author", ["Ann <ann@example.com>", "", "\x00\x1b\u202e", "é"])
def test_author_is_kept_where_it_is_a_text(author: str, place: LayoutPlace) -> None:
    put_older(place, config=json.dumps({"author": author}).encode())

    convert(place)

    assert config_of(place)["author"] == author


@pytest.mark.parametrize("author", [None, 1, True, ["Ann"], {"name": "Ann"}])
def test_author_that_is_no_text_is_not_kept(author: object, place: LayoutPlace) -> None:
    put_older(place, config=json.dumps({"author": author}).encode())

    convert(place)

    assert config_of(place)["author"] is None


@pytest.mark.parametrize(
    ("config_type", "of_component", "target"),
    [
        (WASM_CONFIG, {"target": "a:b/c@1.0.0", "imports": ["false"]}, "a:b/c@1.0.0"),
        (WASM_CONFIG, {"target": 1}, None),
        (WASM_CONFIG, {}, None),
        (WASM_CONFIG, ["target"], None),
        (OLD_CONFIG, {"target": "a:b/c@1.0.0"}, None),
    ],
)
def test_target_is_kept_from_a_config_that_has_one(
    config_type: str, of_component: object, target: str | None, place: LayoutPlace
) -> None:
    put_older(place, config=dump_json({"component": of_component}), config_type=config_type)

    convert(place)

    assert config_of(place)["component"] == {"exports": [], "imports": [], "target": target}


HOSTILE_CONFIGS: dict[str, bytes] = {
    "empty": b"",
    "zeros": bytes(100),
    "wasm": CORE_MODULE,
    "array": b"[]",
    "null": b"null",
    "number": b"1e400",
    "text": b'"created"',
    "mark": b"\xef\xbb\xbf{}",
    "latin-1": b'{"author":"\xe9"}',
    "surrogate": b'{"author":"\\ud800"}',
    "twice": b'{"author":"a","author":"b"}',
    "nan": b'{"author":NaN}',
    "deep": b'{"author":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "many": b'{"author":[' + b"[]," * 1_000_000 + b"[]]}",
    "digits": b'{"created":' + b"9" * 1_000_000 + b"}",
    "names": json.dumps({str(number): number for number in range(200_000)}).encode(),
    "fields": b'{"created":{},"author":[],"component":{"target":[]},"layerDigests":7,"os":null}',
}


@pytest.mark.parametrize("config", HOSTILE_CONFIGS.values(), ids=HOSTILE_CONFIGS)
@pytest.mark.parametrize("config_type", [OLD_CONFIG, WASM_CONFIG])
def test_config_that_says_nothing_counts_as_none(
    config: bytes, config_type: str, place: LayoutPlace, tmp_path: Path
) -> None:
    put_older(place, config=config, config_type=config_type)
    packed(LayoutPlace(folder=tmp_path / "packed"), author=None, created=None)

    convert(place)
    packaging_kit.gc(bare(place))

    assert files(place.folder) == files(tmp_path / "packed")


LARGE_FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "author": lambda text: {"author": text},
    "created": lambda text: {"created": f"2000-01-01T00:00:00.{text}Z"},
    "target": lambda text: {"component": {"target": text}},
}


@pytest.mark.parametrize("make", LARGE_FIELDS.values(), ids=LARGE_FIELDS)
def test_config_that_is_as_large_as_any_is_no_reason_to_fail(
    make: Callable[[str], dict[str, Any]], place: LayoutPlace, tmp_path: Path
) -> None:
    frame = len(dump_json(make("")))
    put_older(place, config=dump_json(make("7" * (MAX_MANIFEST_SIZE - frame))), config_type=WASM_CONFIG)
    packed(LayoutPlace(folder=tmp_path / "packed"), author=None, created=None)

    convert(place)
    packaging_kit.gc(bare(place))

    assert files(place.folder) == files(tmp_path / "packed")


@settings(max_examples=200)
@given(
    st.binary(max_size=200)
    | st.dictionaries(
        st.sampled_from(["created", "author", "component", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["target", "y"]), inner),
            max_leaves=5,
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_config_gives_a_config_of_ours(config: bytes) -> None:
    store = packaging_kit.MemoryStore()
    entry = write_older(store, CORE_MODULE, config=config, config_type=WASM_CONFIG)

    written = json.loads(rewrite(find_component(store, entry), CORE_MODULE, StatedNames()).whole.config)

    assert {**written, "created": "", "author": ""} == {
        "created": "",
        "author": "",
        "architecture": "wasm",
        "os": "wasip1",
        "layerDigests": [Digest.of(CORE_MODULE).value],
        "component": None,
    }
    assert type(written["created"]) is str
    assert written["author"] is None or isinstance(written["author"], str)


def test_artifact_that_refers_to_something_still_does(place: LayoutPlace) -> None:
    subject = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"elsewhere"), size=9)
    put_older(place, subject=subject)

    converted = convert(place)
    packaging_kit.gc(bare(place))

    assert stored(place).manifest.value.subject == subject
    assert [entry.digest for entry in LayoutStore(place.folder).referrers(subject.digest)] == [converted.digest]


@pytest.mark.parametrize("where", ["annotations", "subject"])
def test_manifest_that_registries_would_not_take_is_refused(where: str, place: LayoutPlace) -> None:
    # Annotations of the binary come into one that is as large as it may be.
    data = (FIXTURES / "vectors" / "oci" / "metadata" / "input.wasm").read_bytes()

    def written(store: IndexedStore, filler: str) -> Descriptor:
        fields: dict[str, Any] = {"annotations": {"a": filler}}
        if where == "subject":
            others = {"filler": filler}
            elsewhere = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b""), size=0, others=others)
            fields = {"subject": elsewhere}
        layer = write(store, data, OLD_LAYER)
        return write(store, dump_json(manifest(write(store, b"{}", OLD_CONFIG), layer, **fields)), IMAGE_MANIFEST)

    with open_local_sink(place, SETTINGS) as store:
        frame = written(store, "").size
        entry = written(store, "x" * (MAX_MANIFEST_SIZE - frame))
        tag(store, entry, TAG)
    before = files(place.folder)

    with pytest.raises(DocumentError) as error:
        convert(place, Form.WHOLE)

    assert (entry.size, error.value.code, files(place.folder)) == (MAX_MANIFEST_SIZE, "document-too-large", before)


# Names that can't be read


def test_names_that_cannot_be_read_are_refused_and_nothing_changes(place: LayoutPlace) -> None:
    put_older(place, EXTERN_UNKNOWN.read_bytes())
    before = files(place.folder)
    codes = []
    tried: tuple[dict[str, Any], ...] = ({}, {"imports": ("a",)}, {"exports": ("a",)})
    for names in tried:
        with pytest.raises(PackagingKitError) as error:
            convert(place, **names)
        codes.append(error.value.code)

    assert (codes, files(place.folder)) == (["wasm-extern-unknown"] * 3, before)


@pytest.mark.parametrize("names", [((), ()), (("a:b/c", "d"), ("run",))])
def test_stated_names_are_those_that_pack_writes(
    names: tuple[tuple[str, ...], tuple[str, ...]], place: LayoutPlace, tmp_path: Path
) -> None:
    imports, exports = names
    put_older(place, EXTERN_UNKNOWN.read_bytes())
    packed(LayoutPlace(folder=tmp_path / "packed"), data=EXTERN_UNKNOWN.read_bytes(), imports=imports, exports=exports)

    convert(place, imports=imports, exports=exports)
    packaging_kit.gc(bare(place))

    assert files(place.folder) == files(tmp_path / "packed")


@pytest.mark.parametrize("stated", ["imports", "exports"])
def test_names_that_are_not_stated_are_read(stated: str, place: LayoutPlace) -> None:
    put_older(place, (FIXTURES / "real" / "rust.wasm").read_bytes())
    convert(place, Form.WHOLE, LayoutPlace(folder=place.folder, tag="read"))
    read = config_of(with_tag(place, "read"))["component"]

    said: dict[str, Any] = {stated: ("said",)}
    convert(place, Form.WHOLE, **said)

    assert min(len(read["imports"]), len(read["exports"])) > 0
    assert config_of(place)["component"] == read | {stated: ["said"]}


@pytest.mark.parametrize("names", [{"imports": ("\udcff",)}, {"exports": ("a", "\udcff")}])
def test_stated_name_that_is_not_utf8_is_refused(names: dict[str, Any], place: LayoutPlace) -> None:
    put_older(place)
    before = files(place.folder)

    with pytest.raises(RequestError) as error:
        convert(place, **names)

    assert (error.value.code, files(place.folder)) == ("text-invalid", before)


@pytest.mark.parametrize("names", [{"imports": ()}, {"exports": ("a",)}])
def test_names_go_with_writing_anew_only(names: dict[str, Any], place: LayoutPlace) -> None:
    put_older(place)

    with pytest.raises(RequestError) as error:
        packaging_kit.convert(place, Form.WHOLE, SETTINGS, **names)

    assert error.value.code == "options-disagree"


# What is refused


def two_layers(store: IndexedStore) -> Descriptor:
    layers = (write(store, data, OLD_LAYER) for data in (CORE_MODULE, sample()))
    return write_document(store, manifest(write(store, b"{}", OLD_CONFIG), *layers))


REFUSED: dict[str, tuple[str, Callable[[IndexedStore], Descriptor]]] = {
    "two layers": ("layers-not-one", two_layers),
    "no layer": (
        "layers-not-one",
        lambda store: write_document(store, manifest(write(store, b"{}", OLD_CONFIG))),
    ),
    "an image": (
        "media-type-unexpected",
        lambda store: write_older(
            store, b"tar", config_type=IMAGE_CONFIG, layer_type="application/vnd.oci.image.layer.v1.tar"
        ),
    ),
    "another config": (
        "media-type-unexpected",
        lambda store: write_older(store, sample(), config_type="application/vnd.example.config.v1+json"),
    ),
    "no wasm": ("wasm-malformed", lambda store: write_older(store, b"no wasm at all")),
    "cut": ("wasm-malformed", lambda store: write_older(store, sample()[:-1])),
    "a later version": ("wasm-unsupported", lambda store: write_older(store, b"\0asm\x0e\0\1\0")),
}


@pytest.mark.parametrize(("code", "make"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("form", [Form.WHOLE, Form.SPLIT])
def test_what_is_no_older_component_is_refused_and_nothing_changes(
    form: Form, code: str, make: Callable[[IndexedStore], Descriptor], place: LayoutPlace, tmp_path: Path
) -> None:
    with open_local_sink(place, SETTINGS) as store:
        tag(store, make(store), TAG)
    before = files(place.folder)
    codes = []
    for destination in (None, LayoutPlace(folder=tmp_path / "b")):
        with pytest.raises(PackagingKitError) as error:
            convert(place, form, destination)
        codes.append(error.value.code)

    assert (codes, files(place.folder), (tmp_path / "b").exists()) == ([code] * 2, before, False)


@pytest.mark.parametrize("which", ["config", "layer"])
def test_damaged_artifact_is_refused_and_nothing_changes(which: str, place: LayoutPlace) -> None:
    put_older(place)
    found = stored(place)
    digest = found.layer.digest if which == "layer" else found.manifest.value.config.digest
    path = place.folder / "blobs" / "sha256" / digest.hex
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    before = files(place.folder)

    with pytest.raises(ContentError) as error:
        convert(place)

    assert (error.value.code, files(place.folder)) == ("digest-mismatch", before)


# What others attached, and what else is there


@pytest.mark.parametrize("before", Form)
@pytest.mark.parametrize("after", Form)
def test_signature_of_the_former_is_reported_as_left_and_stays_until_it_is_swept(
    before: Form, after: Form, place: LayoutPlace
) -> None:
    old = put_older(place)
    signature = sign_place(place, old.digest)
    of_signature = sign_place(place, signature.digest, "of the signature")
    packaging_kit.convert(place, before, SETTINGS)
    blobs = set(blobs_of(place))

    converted = convert(place, after)
    unswept = set(blobs_of(place))
    found = [entry.digest for entry in LayoutStore(place.folder).referrers(old.digest)]
    packaging_kit.gc(bare(place))

    assert foreign(converted.kept) == []
    assert set(foreign(converted.left)) == {signature.digest, of_signature.digest}
    assert blobs <= unswept
    assert signature.digest in found
    assert {old.digest, signature.digest, of_signature.digest} & set(blobs_of(place)) == set()
    assert packaging_kit.verify(bare(place), SETTINGS).problems == ()


def test_signature_is_left_where_it_is_when_the_new_one_goes_elsewhere(place: LayoutPlace, tmp_path: Path) -> None:
    put_older(place)
    signature = sign_place(place)
    before = files(place.folder)

    converted = convert(place, Form.BOTH, LayoutPlace(folder=tmp_path / "b"))

    assert (foreign(converted.kept), foreign(converted.left)) == ([], [signature.digest])
    assert files(place.folder) == before
    assert signature.digest not in blobs_of(LayoutPlace(folder=tmp_path / "b"))


@pytest.mark.parametrize("after", Form)
def test_signature_of_a_fragment_stays_where_the_fragment_does(after: Form, place: LayoutPlace) -> None:
    put_older(place)
    packaging_kit.convert(place, Form.SPLIT, SETTINGS)
    store = LayoutStore(place.folder)
    fragment = store.content_of(store.find(TAG))[1]
    signature = sign_place(place, fragment.digest)
    of_signature = sign_place(place, signature.digest, "of the signature")
    both = {signature.digest, of_signature.digest}
    stays = both if after in (Form.SPLIT, Form.BOTH) else set()

    converted = convert(place, after)
    packaging_kit.gc(bare(place))

    assert (set(foreign(converted.kept)), set(foreign(converted.left))) == (stays, both - stays)
    assert both & set(blobs_of(place)) == stays


def test_signature_in_a_list_under_a_tag_is_reported_too(place: LayoutPlace) -> None:
    old = put_older(place)
    with open_local_sink(place, SETTINGS) as store:
        signature = sign(store, store.find(TAG))
        listed = write_document(store, index(signature))
        store.change_index(lambda value: replace(value, manifests=value.manifests[:1]))
        tag(store, listed, fallback_tag(old.digest))

    converted = convert(place)

    assert foreign(converted.left) == [signature.digest]


def test_signature_of_the_new_one_that_is_there_already_is_kept(place: LayoutPlace) -> None:
    packed(place, Form.WHOLE)
    new = stored(place).manifest.digest
    signature = sign_place(place, new)
    old = put_older(place, name="old")
    of_old = sign_place(place, old.digest)

    converted = convert(with_tag(place, "old"), Form.SPLIT)

    assert converted.manifest == new
    assert (foreign(converted.kept), foreign(converted.left)) == ([signature.digest], [of_old.digest])


@pytest.mark.parametrize("before", Form)
@pytest.mark.parametrize("after", Form)
def test_other_tag_of_the_former_keeps_it_in_its_form(
    before: Form, after: Form, place: LayoutPlace, tmp_path: Path
) -> None:
    expected = LayoutPlace(folder=tmp_path / "expected")
    old = put_older(place)
    put_older(expected, name="second")
    for each, name in ((place, TAG), (expected, "second")):
        sign_place(with_tag(each, name), old.digest)
        packaging_kit.convert(with_tag(each, name), before, SETTINGS)
    packaging_kit.copy(place, with_tag(place, "second"), SETTINGS)
    packed(expected, after)

    convert(place, after)
    packaging_kit.gc(bare(place))
    packaging_kit.gc(expected)

    assert files(place.folder) == files(expected.folder)
    assert unpack(with_tag(place, "second"), tmp_path / "out") == sample()


def test_tag_that_was_moved_meanwhile_stays_where_it_is(place: LayoutPlace) -> None:
    put_older(place)
    other = put_older(place, sample("b"), "other")

    class Moving(NoProgress):
        """Moves the tag once the conversion has begun, as another process might."""

        def start(self, what: str, total: int | None) -> None:
            if what == "convert":
                LayoutStore(place.folder).put([Tagged(TAG, other)], force=True)

    with pytest.raises(StoreError) as error:
        convert(place, progress=Moving())

    assert error.value.code == "tag-moved"
    assert LayoutStore(place.folder).find(TAG).digest == other.digest


def test_sweep_waits_until_what_was_written_anew_has_its_name(place: LayoutPlace, tmp_path: Path) -> None:
    put_older(place)
    sweeper = threading.Thread(target=lambda: packaging_kit.gc(bare(place)))

    class Sweeping(NoProgress):
        """Sweeps while the fragments are written, as another process might."""

        def advance(self, size: int) -> None:
            if not sweeper.ident:
                sweeper.start()
                sweeper.join(0.3)

    convert(place, Form.SPLIT, progress=Sweeping())
    sweeper.join()

    assert packaging_kit.verify(bare(place), SETTINGS).problems == ()
    assert unpack(place, tmp_path / "out") == sample()


def test_tag_of_the_destination_is_moved_by_force_only(place: LayoutPlace, tmp_path: Path) -> None:
    put_older(place)
    sink = make_place("archive", tmp_path / "b", TAG)
    packed(sink, data=sample("b"))
    before = index_of(sink)

    with pytest.raises(StoreError) as error:
        convert(place, Form.SPLIT, sink)
    refused = index_of(sink)
    convert(place, Form.SPLIT, sink, force=True)

    assert (error.value.code, refused) == ("tag-exists", before)
    assert unpack(sink, tmp_path / "out") == sample()


# In registries


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running


def push_older(registry: Registry, folder: Path, *, is_signed: bool = False) -> tuple[Descriptor, Digest | None]:
    """An older artifact in the repository `app`, and its signature."""
    place = LayoutPlace(folder=folder / "older", tag=TAG)
    old = put_older(place)
    signature = sign_place(place).digest if is_signed else None
    copy(place, registry_place(registry.host, "app", TAG), SETTINGS, referrers=ReferrerChoice.ALL)
    return old, signature


@pytest.mark.parametrize("form", Form)
def test_artifact_in_a_registry_is_written_anew_in_its_place(form: Form, registry: Registry, tmp_path: Path) -> None:
    old, signature = push_older(registry, tmp_path, is_signed=True)
    place = registry_place(registry.host, "app", TAG)
    result = packed(LayoutPlace(folder=tmp_path / "packed"), form)

    converted = convert(place, form)
    pulled = LayoutPlace(folder=tmp_path / "pulled")
    copy(place, pulled, SETTINGS)

    assert (converted.former, converted.digest) == (old.digest, result.digest)
    assert registry.tags("app") == {TAG: result.digest.value}
    assert files(pulled.folder) == files(tmp_path / "packed")
    assert (foreign(converted.kept), foreign(converted.left)) == ([], [signature])
    assert registry.missing("app") == []
    assert registry_store(registry.host, "app").referrers(old.digest)[0].digest == signature


@pytest.mark.parametrize("form", Form)
def test_artifact_goes_from_a_layout_to_a_registry_and_back(form: Form, registry: Registry, tmp_path: Path) -> None:
    _, signature = push_older(registry, tmp_path, is_signed=True)
    older, new = LayoutPlace(folder=tmp_path / "older", tag=TAG), registry_place(registry.host, "new", TAG)
    packed(LayoutPlace(folder=tmp_path / "packed"), form)
    back, there = LayoutPlace(folder=tmp_path / "back"), LayoutPlace(folder=tmp_path / "there")

    pushed = convert(older, form, new)
    pulled = convert(registry_place(registry.host, "app", TAG), form, back)
    copy(new, there, SETTINGS)

    assert files(back.folder) == files(there.folder) == files(tmp_path / "packed")
    assert pushed == pulled
    assert (foreign(pushed.kept), foreign(pushed.left)) == ([], [signature])
    assert registry_store(registry.host, "app").find(TAG).digest == pushed.former


def test_signature_of_the_new_one_in_a_registry_is_kept(registry: Registry, tmp_path: Path) -> None:
    _, of_old = push_older(registry, tmp_path, is_signed=True)
    new = LayoutPlace(folder=tmp_path / "new", tag=TAG)
    packed(new, Form.WHOLE)
    signature = sign_place(new)
    copy(new, registry_place(registry.host, "app", "new"), SETTINGS, referrers=ReferrerChoice.ALL)

    converted = convert(registry_place(registry.host, "app", TAG), Form.MAPPED)

    assert (foreign(converted.kept), foreign(converted.left)) == ([signature.digest], [of_old])
    assert [entry.artifact_type for entry in converted.kept] == [SKELETON_ARTIFACT, SIGNATURE]


def test_artifact_in_the_cncf_layout_in_a_registry_keeps_its_signature(registry: Registry, tmp_path: Path) -> None:
    new, there = LayoutPlace(folder=tmp_path / "new", tag=TAG), registry_place(registry.host, "app", TAG)
    digest = packed(new, Form.WHOLE).digest
    signature = sign_place(new)
    copy(new, there, SETTINGS, referrers=ReferrerChoice.ALL)

    converted = convert(there, Form.SPLIT)

    assert (converted.former, converted.manifest) == (None, digest)
    assert (foreign(converted.kept), foreign(converted.left)) == ([signature.digest], [])


def test_tag_in_a_registry_that_was_moved_meanwhile_stays_where_it_is(registry: Registry, tmp_path: Path) -> None:
    push_older(registry, tmp_path)

    class Moving(NoProgress):
        """Moves the tag once the conversion has begun, as somebody else might."""

        def start(self, what: str, total: int | None) -> None:
            if what == "convert":
                registry.put_manifest("app", b"{}", IMAGE_MANIFEST, TAG)

    with pytest.raises(StoreError) as error:
        convert(registry_place(registry.host, "app", TAG), progress=Moving())

    assert (error.value.code, registry.tags("app")) == ("tag-moved", {TAG: Digest.of(b"{}").value})


def test_skeleton_is_left_out_where_a_registry_lists_no_referrers(tmp_path: Path) -> None:
    with Registry(Behaviour(referrers=False)) as registry:
        push_older(registry, tmp_path)
        converted = convert(registry_place(registry.host, "app", TAG))

        assert [entry.artifact_type for entry in converted.unlisted] == [SKELETON_ARTIFACT]
        assert registry.tags("app") == {TAG: converted.digest.value}


def test_names_that_cannot_be_read_leave_a_registry_as_it_was(registry: Registry, tmp_path: Path) -> None:
    older, place = LayoutPlace(folder=tmp_path / "older", tag=TAG), registry_place(registry.host, "app", TAG)
    put_older(older, EXTERN_UNKNOWN.read_bytes())
    copy(older, place, SETTINGS)
    before = dict(registry.blobs("app")), dict(registry.manifests("app")), dict(registry.tags("app"))

    with pytest.raises(PackagingKitError) as error:
        convert(place)
    after = dict(registry.blobs("app")), dict(registry.manifests("app")), dict(registry.tags("app"))
    converted = convert(place, imports=(), exports=("run",))

    assert (error.value.code, after) == ("wasm-extern-unknown", before)
    assert registry.tags("app") == {TAG: converted.digest.value}


# Other clients


@pytest.fixture(params=["distribution", "ociregistry"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with start(request.param, tmp_path / "registry") as running:
        yield Bench(running.host, tmp_path)


def test_component_that_was_written_anew_is_pulled_by_wkg_and_regctl(bench: Bench) -> None:
    data = (FIXTURES / "real" / "rust.wasm").read_bytes()
    older = LayoutPlace(folder=bench.folder / "older", tag="v1")
    put_older(older, data, name="v1", config=b"no JSON", layer_annotations={TITLE: "../rust.wasm"})
    copy(older, bench.place("app"), bench.settings)
    converted = packaging_kit.convert(bench.place("app"), Form.MAPPED, bench.settings, cncf=True)
    out, pulled = bench.folder / "out.wasm", bench.folder / "pulled"
    bench.run("wkg", "oci", "pull", bench.reference("app"), "--insecure", bench.host, "-o", str(out))
    pulled.mkdir()
    bench.run("regctl", "artifact", "get", bench.reference("app"), "--output", str(pulled))

    assert out.read_bytes() == data
    assert {path.name: path.read_bytes() for path in pulled.iterdir()} == {"component.wasm": data}
    assert bench.run("regctl", "image", "digest", bench.reference("app")) == converted.digest.value
