"""What holds of every validation, whatever is put into it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packaging_kit.digest import Digest
from packaging_kit.errors import RequestError, WasmFormatError
from packaging_kit.fragments.explode import explode, explode_chunks
from packaging_kit.limits import MAX_PROBLEMS, MAX_SECTIONS
from packaging_kit.oci.media_types import IMAGE_INDEX, IMAGE_MANIFEST, WASM, WASM_CONFIG
from packaging_kit.schemas import load_schema
from packaging_kit.stores.memory import MemoryStore
from packaging_kit.validate.binaries import BinaryFacts, read_facts
from packaging_kit.validate.catalog import CODES
from packaging_kit.validate.contents import iter_unknown
from packaging_kit.validate.json_text import JsonText
from packaging_kit.validate.policy import Patterns, Policy, matches
from packaging_kit.validate.policy_text import parse_policy
from packaging_kit.validate.report import Profile, Report
from packaging_kit.validate.upload import validate_binary, validate_upload
from packaging_kit.wasm.scanner import SectionScanner
from packaging_kit.wasm.sections import SectionId, iter_sections
from tests.campaign.uploads import Blobs, Upload, change_bytes, corpus, rename
from tests.campaign.validation import POLICY
from tests.conftest import SEEDS
from tests.schema_checks import validator
from tests.strategies import (
    CORE_MODULE,
    Tree,
    almost_wasm,
    component,
    custom,
    cut,
    cuts,
    leb128,
    section,
    text,
    trees,
)

_REPORT: Final = validator("report")


def _with_own_referrers(upload: Upload) -> Upload:
    """An upload with those referrers that are its own: of the corpus, each has those of all tags of its layout."""
    digest = Digest.of(upload.top).value
    own = [
        each for each in upload.referrers if json.loads(upload.blobs[each.digest.value])["subject"]["digest"] == digest
    ]
    return replace(upload, referrers=tuple(own))


_LAYOUTS: Final = tuple(map(_with_own_referrers, corpus()[0]))
_NAMES: Final = ("schemaVersion", "mediaType", "config", "layers", "manifests", "digest", "size", "annotations", "a")

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(st.characters(), max_size=20),
    st.sampled_from((2, IMAGE_MANIFEST, IMAGE_INDEX, WASM, WASM_CONFIG, Digest.of(b"").value, "\ud800", "\u202e")),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_NAMES) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=25,
)
documents = st.one_of(
    st.binary(max_size=60),
    values.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(_NAMES), values, max_size=9).map(lambda value: json.dumps(value).encode()),
)
profiles = st.sampled_from(Profile)
policies = st.sampled_from((None, POLICY))
media_types = st.sampled_from((IMAGE_MANIFEST, IMAGE_INDEX, "application/json", ""))


def _check(report: Report, size: int) -> None:
    """What holds of every report on an input of `size` bytes in all."""
    document = report.to_json()
    _REPORT.validate(document)

    assert json.loads(json.dumps(document)) == document
    assert {problem.code for problem in report.problems} <= set(CODES)
    assert len(report.problems) <= MAX_PROBLEMS
    assert all(0 <= (problem.where.offset or 0) <= size for problem in report.problems)


def _validate(upload: Upload, profile: Profile = Profile.CNCF, policy: Policy | None = None) -> Report:
    blobs = Blobs(upload.blobs)
    return validate_upload(
        upload.top, upload.media_type, blobs, policy, profile=profile, referrers=upload.referrers, tag="1.0.0"
    )


def _size(upload: Upload, report: Report) -> int:
    """Of all that can be said to have an offset."""
    return sum(map(len, (upload.top, *upload.blobs.values()))) + sum(each.whole.size for each in report.binaries)


@given(documents, media_types, profiles, policies)
@example(b"\xef\xbb\xbf{}", IMAGE_MANIFEST, Profile.CNCF, None)
@example(b"[" * 100_000, IMAGE_MANIFEST, Profile.CNCF, None)
@example(b'{"\\ud800":{"\\udc00":[NaN,NaN]}}', IMAGE_INDEX, Profile.OCI, None)
def test_any_document_gives_a_report_and_the_same_one_again(
    raw: bytes, media_type: str, profile: Profile, policy: Policy | None
) -> None:
    reports = [validate_upload(raw, media_type, MemoryStore(), policy, profile=profile) for _ in range(2)]

    _check(reports[0], len(raw))
    assert reports[0] == reports[1]


@given(documents, st.binary(max_size=40) | almost_wasm(), profiles)
def test_any_config_and_layer_give_a_report(config: bytes, layer: bytes, profile: Profile) -> None:
    store = MemoryStore()
    blobs = [store.write_blob((data,)) for data in (config, layer)]
    described = [
        {"mediaType": media_type, "digest": blob.digest.value, "size": blob.size}
        for media_type, blob in zip((WASM_CONFIG, WASM), blobs, strict=True)
    ]
    manifest = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "config": described[0], "layers": described[1:]}
    report = validate_upload(json.dumps(manifest).encode(), IMAGE_MANIFEST, store, profile=profile)

    _check(report, len(config) + len(layer))


@given(almost_wasm() | st.binary(max_size=60), policies)
def test_any_binary_gives_a_report_and_the_same_one_again(data: bytes, policy: Policy | None) -> None:
    reports = [validate_binary(data, policy) for _ in range(2)]

    _check(reports[0], len(data))
    assert reports[0] == reports[1]


@given(trees())
def test_well_framed_component_has_no_error_of_framing(tree: Tree) -> None:
    report = validate_binary(tree.encode())

    assert {problem.code for problem in report.errors} <= {"core-module-malformed"}
    assert report.binaries[0].root == tree.split().root


@pytest.mark.parametrize("seed", SEEDS)
def test_any_part_of_an_upload_may_be_anything(seed: int) -> None:
    random = Random(seed)
    for _ in range(8):
        upload = random.choice(_LAYOUTS)
        digest = random.choice(list(upload.blobs))
        data = random.choice((b"", b"null", b"{}", random.randbytes(50), change_bytes(random, upload.blobs[digest])))
        changed = rename(upload, digest, data)
        report = _validate(changed, random.choice(list(Profile)), random.choice((None, POLICY)))

        _check(report, _size(changed, report))


@pytest.mark.parametrize("upload", _LAYOUTS, ids=lambda upload: upload.name)
def test_upload_as_it_was_packed_is_clean(upload: Upload) -> None:
    assert _validate(upload).errors == ()


@pytest.mark.parametrize("upload", _LAYOUTS, ids=lambda upload: upload.name)
def test_byte_that_is_flipped_in_a_blob_is_always_found(upload: Upload) -> None:
    random = Random(upload.name)
    known = _known(upload)
    for digest in known:
        flipped = _flip(random, upload.blobs[digest])
        report = _validate(Upload(**{**_fields(upload), "blobs": {**upload.blobs, digest: flipped}}))

        assert {problem.code for problem in report.errors} & {"digest-mismatch", "wasm-malformed", "fragment-missing"}


@pytest.mark.parametrize("upload", _LAYOUTS, ids=lambda upload: upload.name)
def test_byte_that_is_flipped_and_named_by_its_digest_is_found_or_changes_what_is_said_alone(upload: Upload) -> None:
    random = Random(upload.name)
    honest = _binaries(_validate(upload))
    for digest in _known(upload):
        for _ in range(5):
            changed = rename(upload, digest, _flip(random, upload.blobs[digest]))
            report = _validate(changed)
            data = upload.blobs[digest]

            assert not report.is_clean or data[:4] == b"\0asm" or _binaries(report) == honest


def _known(upload: Upload) -> list[str]:
    """Blobs that the upload leads to, but for what is only embedded as its own top."""
    return [
        digest
        for digest in upload.blobs
        if upload.blobs[digest] not in (upload.top, b"{}") and _is_named(upload, digest)
    ]


def _is_named(upload: Upload, digest: str) -> bool:
    """Whether it is read when the upload is validated: it is not clean without it."""
    blobs = {name: data for name, data in upload.blobs.items() if name != digest}
    return not _validate(Upload(**{**_fields(upload), "blobs": blobs})).is_clean


def _fields(upload: Upload) -> dict[str, Any]:
    return {name: getattr(upload, name) for name in ("name", "top", "media_type", "blobs", "referrers")}


def _binaries(report: Report) -> list[tuple[str, str, str]]:
    """What the report says that the upload is."""
    return sorted({(each.kind, each.whole.digest.value, each.root.value) for each in report.binaries})


def _flip(random: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
@example("a = [" * 5000)
@example("a.b" + ".c" * 5000 + " = 1")
@example("size = 1")
@example("[size]\nwhole = 99999999999999999999")
@example('[size]\nwhole = "999999999999999999999999999999 GiB"')
@example("[levels]\nx-y = []")
def test_any_policy_text_gives_a_policy_or_a_typed_error(policy: str) -> None:
    codes = set()
    try:
        parse_policy(policy)
    except RequestError as exc:
        codes.add(exc.code)

    assert codes <= {"policy-invalid"}


@given(
    st.recursive(
        st.booleans()
        | st.integers(-5, 2**65)
        | st.sampled_from(("1 MiB", "x", "wasi:*", "error", "", "999999999999 GiB")),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=4,
    ),
    st.sampled_from(("size", "annotations", "imports", "licenses", "tags", "reproducible", "split", "levels", "other")),
    st.sampled_from(
        ("whole", "module", "manifest", "modules", "required", "allow", "deny", "semantic", "created", "a-b")
    ),
)
def test_any_value_in_a_policy_is_taken_or_refused(value: Any, table: str, name: str) -> None:
    codes = set()
    try:
        policy = parse_policy(f"[{table}]\n{name} = {json.dumps(value)}\n")
        _check(validate_binary(component(section(10, b"\1\0" + text("a:b/c") + b"\x05\0")), policy), 100)
    except RequestError as exc:
        codes.add(exc.code)

    assert codes <= {"policy-invalid"}


@given(st.lists(st.text("ab*", max_size=5), max_size=5), st.text("ab", max_size=8))
def test_patterns_match_what_one_of_them_matches(patterns: list[str], name: str) -> None:
    assert Patterns(patterns).match(name) == any(matches(pattern, name) for pattern in patterns)


@given(values)
def test_values_are_found_with_their_paths_in_the_order_in_which_they_stand(value: Any) -> None:
    parsed = JsonText.parse(json.dumps(value).encode())
    found = list(parsed.find_values((int, str, list, dict), lambda _: True))

    assert [each for _, each in found] == list(_iter_values(parsed.value))


def _iter_values(value: Any) -> Any:
    if type(value) in (int, str, list, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _iter_values(inner)


# Pieces of binaries, read in pieces.

widths = st.sampled_from((0, 0, 1, 2, 3, 4, 5))
core_sections = st.lists(
    st.one_of(
        st.builds(section, st.integers(0, 255), st.binary(max_size=50), widths),
        st.builds(custom, st.sampled_from(("version", "licenses", "source", "name")), st.binary(max_size=50), widths),
        st.builds(
            lambda count, width: section(2, leb128(count, width) + b"\1a\1b\0\0" * count, width),
            st.integers(0, 3),
            widths,
        ),
    ),
    max_size=12,
)


@given(core_sections, st.data())
def test_core_module_in_pieces_has_the_facts_of_one_that_is_whole(sections: list[bytes], data: st.DataObject) -> None:
    whole = CORE_MODULE + b"".join(sections)
    places = data.draw(cuts(len(whole)))

    assert _told(read_facts(cut(whole, places))) == _told(read_facts([whole]))


@given(st.lists(st.builds(custom, st.just("name"), st.binary(max_size=50), widths), max_size=3), widths)
def test_import_of_a_core_module_that_cannot_be_read_is_told_where_it_stands(before: list[bytes], width: int) -> None:
    head = CORE_MODULE + b"".join(before) + section(2, b"\1\1a\1b\x77", width)
    error = read_facts([head + custom("name", b"")]).names_error

    assert error is not None
    assert (error.code, error.offset) == ("wasm-extern-unknown", len(head) - 1)


@given(trees(), st.lists(st.builds(custom, st.just("version"), st.binary(max_size=9), widths), max_size=2), st.data())
def test_component_in_pieces_has_the_facts_of_one_that_is_whole(
    tree: Tree, sections: list[bytes], data: st.DataObject
) -> None:
    whole = tree.encode() + b"".join(sections)
    places = data.draw(cuts(len(whole)))

    assert _told(read_facts(cut(whole, places))) == _told(read_facts([whole]))


@given(almost_wasm(), st.data())
def test_anything_in_pieces_comes_to_the_same_as_what_is_whole(whole: bytes, data: st.DataObject) -> None:
    places = data.draw(cuts(len(whole)))

    assert _outcome(cut(whole, places)) == _outcome([whole])


def _outcome(chunks: Sequence[bytes]) -> tuple[object, ...]:
    try:
        return _told(read_facts(chunks))
    except WasmFormatError as exc:
        return (exc.code,)


def _told(facts: BinaryFacts) -> tuple[object, ...]:
    """All that was found out, as what can be compared."""
    errors = [(error.code, error.message, error.offset) for error in facts.module_errors]
    names = facts.names_error and (facts.names_error.message, facts.names_error.offset)
    said = (dict(facts.metadata.annotations), facts.metadata.warnings)
    return (
        facts.kind,
        facts.whole,
        facts.root,
        facts.interface,
        facts.imports,
        names,
        said,
        errors,
        facts.unknown_sections,
    )


def _scan(chunks: Sequence[bytes], **options: Any) -> tuple[Mapping[str, bytes | None], list[int]]:
    met = []

    def choose(section_id: int, head: bytes) -> str:
        met.append(section_id)
        return f"{section_id} {head[:2]!r}"

    scanner = SectionScanner(choose, 40, **options)
    for chunk in chunks:
        scanner.feed(chunk)
    scanner.finish()
    return scanner.kept, met


@given(core_sections, st.data())
def test_scanner_meets_and_keeps_the_sections_of_the_whole_however_it_is_cut(
    sections: list[bytes], data: st.DataObject
) -> None:
    whole = CORE_MODULE + b"".join(sections)
    places = data.draw(cuts(len(whole)))
    kept, met = _scan(cut(whole, places))
    expected: dict[str, bytes | None] = {}
    for each in iter_sections(whole):
        contents = whole[each.contents : each.end]
        expected[f"{each.id} {contents[:2]!r}"] = contents if len(contents) <= 40 else None

    assert met == [each.id for each in iter_sections(whole)]
    assert kept == expected


@given(core_sections, st.binary(max_size=20), st.data())
def test_scanner_refuses_what_iter_sections_refuses(sections: list[bytes], tail: bytes, data: st.DataObject) -> None:
    whole = CORE_MODULE + b"".join(sections) + tail
    whole = whole[: data.draw(st.integers(8, len(whole)))]
    places = data.draw(cuts(len(whole)))

    assert _is_refused(lambda: _scan(cut(whole, places), end=len(whole))) == _is_refused(
        lambda: list(iter_sections(whole))
    )


def _is_refused(work: Any) -> bool:
    try:
        work()
    except WasmFormatError as exc:
        return exc.code == "wasm-malformed"
    return False


@given(trees(), st.data())
def test_scanner_that_enters_components_meets_their_sections_too(tree: Tree, data: st.DataObject) -> None:
    whole = tree.encode()
    places = data.draw(cuts(len(whole)))
    scanner = SectionScanner(lambda *_: None, 0, entered=4)
    for chunk in cut(whole, places):
        scanner.feed(chunk)
    scanner.finish()
    parts = sum(len(inner.parts) for inner in (tree, *tree.iter_trees()))

    assert MAX_SECTIONS - scanner.sections_left == parts


def test_scanner_refuses_more_sections_than_are_walked_at_the_first_of_them() -> None:
    with pytest.raises(WasmFormatError) as error:
        _scan([CORE_MODULE + b"\0\0" * 4], sections_left=3)

    assert (error.value.code, error.value.offset) == ("wasm-too-large", 14)


@given(trees())
def test_whole_offset_of_every_literal_byte_of_the_root_skeleton_is_where_it_stands(tree: Tree) -> None:
    whole = tree.encode()
    exploded = explode(whole)
    skeleton = exploded.skeleton
    # A section of the root skeleton stands for one of the whole, in the same order.
    pairs = zip(iter_sections(skeleton), iter_sections(whole), strict=True)
    literal = [(each, actual) for each, actual in pairs if each.id != SectionId.EXTERNAL]
    found = [exploded.whole_offset(at) for each, _ in literal for at in range(each.start, each.end)]

    assert [exploded.whole_offset(at) for at in range(8)] == list(range(8))
    assert found == [at for _, actual in literal for at in range(actual.start, actual.end)]
    assert exploded.whole_offset(len(skeleton)) == len(whole)


@given(trees())
def test_sections_of_unknown_ids_are_told_where_they_stand_in_the_whole(tree: Tree) -> None:
    whole = tree.encode()
    skeleton = explode_chunks([whole]).skeleton
    expected = [(each.id, each.start) for each in iter_sections(whole) if each.id > 12]

    assert list(iter_unknown(skeleton)) == expected


def test_schema_of_reports_knows_no_more_than_reports_have() -> None:
    assert set(load_schema("report")["properties"]) == set(validate_binary(b"").to_json())
