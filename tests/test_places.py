"""Places: every way to write one, and what is said of those that are none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit import ArchivePlace, Digest, LayoutPlace
from packaging_kit.errors import NotFoundError, PackagingKitError, RequestError, UnavailableError
from packaging_kit.oci.layout import LAYOUT_FILE
from packaging_kit.oci.reference import Reference
from packaging_kit.operations.places import (
    FilePlace,
    Place,
    RegistryPlace,
    RepositoryPlace,
    parse_destination,
    parse_local,
    parse_output,
    parse_registry,
    parse_repository,
    parse_source,
    parse_target,
    with_tag,
)
from packaging_kit.operations.pull import parse_pulled

DIGEST = Digest.of(b"")
STRONG = Digest.of(b"", "sha512")
HEX = DIGEST.hex
Parser = Callable[[str], Place]
PARSERS: tuple[Parser, ...] = (
    *(parse_source, parse_repository, parse_output, parse_destination),
    *(parse_registry, parse_local, parse_target, parse_pulled),
)


def layout(folder: str, tag: str | None = None, digest: Digest | None = None) -> LayoutPlace:
    return LayoutPlace(folder=Path(folder), tag=tag, digest=digest)


def archive(file: str, tag: str | None = None, digest: Digest | None = None) -> ArchivePlace:
    return ArchivePlace(file=Path(file), tag=tag, digest=digest)


def registry(text: str) -> RegistryPlace:
    return RegistryPlace(reference=Reference.parse(text))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with layouts, archives and files of all sorts of names."""
    monkeypatch.chdir(tmp_path)
    for name in ("lay", "user@host", "a", "a:b", "lay@sha256", "only@sha256", "dir.tar", "deep/er"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "oci-layout").write_bytes(LAYOUT_FILE)
    (tmp_path / "plain").mkdir()
    for name in ("x.tar", "a@b.tar", "odd:name.wasm", "file", "app.wasm", "other.oci"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("oci:lay", layout("lay")),
        ("oci:lay:v1", layout("lay", "v1")),
        (f"oci:lay@{DIGEST}", layout("lay", digest=DIGEST)),
        (f"oci:lay@{STRONG}", layout("lay", digest=STRONG)),
        ("oci:new", layout("new")),
        ("oci:new:v1", layout("new", "v1")),
        (f"oci:new@{DIGEST}", layout("new", digest=DIGEST)),
        ("oci:./lay/:v1", layout("lay", "v1")),
        ("oci:deep/er:v1", layout("deep/er", "v1")),
        ("oci:/absolute/new:v1", layout("/absolute/new", "v1")),
        ("oci:../up:v1", layout("../up", "v1")),
        ("oci:plain:v1", layout("plain", "v1")),
        ("oci:with space:v1", layout("with space", "v1")),
        ("oci:a:b", layout("a:b")),
        ("oci:a:b:v1", layout("a:b", "v1")),
        ("oci:a:c", layout("a", "c")),
        ("oci:new:a/b", layout("new:a/b")),
        ("oci:user@host", layout("user@host")),
        ("oci:user@host:v1", layout("user@host", "v1")),
        (f"oci:user@host@{DIGEST}", layout("user@host", digest=DIGEST)),
        ("oci:new@host:v1", layout("new@host", "v1")),
        ("oci:new@v1", layout("new@v1")),
        ("oci:lay@sha256", layout("lay@sha256")),
        (f"oci:lay@sha256:{HEX}", layout("lay", digest=DIGEST)),
        ("oci:only@sha256:v1", layout("only@sha256", "v1")),
        ("oci:dir.tar:v1", layout("dir.tar", "v1")),
        ("oci:C:\\folder", layout("C:\\folder")),
        ("oci:oci:v1", layout("oci", "v1")),
        ("oci:.:v1", layout(".", "v1")),
        ("oci-archive:x.tar", archive("x.tar")),
        ("oci-archive:x.tar:v1", archive("x.tar", "v1")),
        (f"oci-archive:x.tar@{DIGEST}", archive("x.tar", digest=DIGEST)),
        ("oci-archive:new.tar:v1", archive("new.tar", "v1")),
        ("oci-archive:other.oci:v1", archive("other.oci", "v1")),
        ("oci-archive:a@b.tar:v1", archive("a@b.tar", "v1")),
        ("oci-archive:/absolute/x:v1", archive("/absolute/x", "v1")),
    ],
)
def test_prefix_says_which_kind_of_place_it_is(text: str, place: RepositoryPlace) -> None:
    found = (parse_source(text), parse_repository(text))

    assert found == (place, place)
    if place.digest is None:
        assert (parse_output(text), parse_destination(text)) == (place, place)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("-", FilePlace("-")),
        ("lay", layout("lay")),
        ("./lay", layout("lay")),
        ("lay/", layout("lay")),
        ("plain", layout("plain")),
        (".", layout(".")),
        ("a:b", layout("a:b")),
        ("dir.tar", layout("dir.tar")),
        ("x.tar", archive("x.tar")),
        ("./x.tar", archive("x.tar")),
        ("missing.tar", archive("missing.tar")),
        ("some.where/missing.tar", archive("some.where/missing.tar")),
        ("lay:v1", layout("lay", "v1")),
        ("./lay:v1", layout("lay", "v1")),
        ("deep/er:v1", layout("deep/er", "v1")),
        (f"lay@{DIGEST}", layout("lay", digest=DIGEST)),
        (f"lay@{STRONG}", layout("lay", digest=STRONG)),
        ("a:b:v1", layout("a:b", "v1")),
        ("user@host:v1", layout("user@host", "v1")),
        (f"user@host@{DIGEST}", layout("user@host", digest=DIGEST)),
        ("only@sha256:v1", layout("only@sha256", "v1")),
        ("dir.tar:v1", layout("dir.tar", "v1")),
        ("x.tar:v1", archive("x.tar", "v1")),
        ("./x.tar:v1", archive("x.tar", "v1")),
        (f"x.tar@{DIGEST}", archive("x.tar", digest=DIGEST)),
        ("a@b.tar:v1", archive("a@b.tar", "v1")),
        ("app.wasm", FilePlace("app.wasm")),
        ("odd:name.wasm", FilePlace("odd:name.wasm")),
        ("file", FilePlace("file")),
        ("other.oci", FilePlace("other.oci")),
        ("missing.wasm", FilePlace("missing.wasm")),
        ("some.where/missing.wasm", FilePlace("some.where/missing.wasm")),
        ("./missing", FilePlace("./missing")),
        ("../missing", FilePlace("../missing")),
        ("/missing/lay:v1", FilePlace("/missing/lay:v1")),
        ("./plain:v1", FilePlace("./plain:v1")),
        ("./new.tar:v1", FilePlace("./new.tar:v1")),
    ],
)
def test_source_without_a_prefix_is_what_is_there(text: str, place: Place) -> None:
    assert parse_source(text) == place


def test_prefix_wins_over_a_file_of_that_name(here: Path) -> None:
    (here / "oci:lay").write_bytes(b"")
    (here / "oci:lay:v1").mkdir()

    assert parse_source("oci:lay") == layout("lay")
    assert parse_destination("oci:lay:v1") == layout("lay", "v1")
    assert parse_source("./oci:lay") == FilePlace("./oci:lay")


def test_tag_alone_names_nothing_in_a_layout_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("lay")

    with pytest.raises(RequestError) as error:
        parse_source(":v1")

    assert error.value.code == "place-unclear"


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("", "place-unclear", "`oci:DIR:TAG`"),
        ("oci:", "place-unclear", "`oci:DIR:TAG`"),
        ("oci::v1", "place-unclear", "`oci:DIR:TAG`"),
        (f"oci:@{DIGEST}", "place-unclear", "`oci:DIR:TAG`"),
        ("oci-archive:", "place-unclear", "`oci:DIR:TAG`"),
        ("oci-archive::v1", "place-unclear", "`oci:DIR:TAG`"),
        ("missing", "place-unclear", "`./missing` for a file, `oci:missing` for a layout, `docker://missing`"),
        ("plain:v1", "place-unclear", "`./plain:v1` for a file, `oci:plain:v1` for a layout, `docker://plain:v1`"),
        ("file:v1", "place-unclear", "`./file:v1` for a file"),
        ("some/where", "place-unclear", "`./some/where` for a file, `oci:some/where` for a layout"),
        ("new.tar:v1", "place-unclear", "`./new.tar:v1` for a file"),
        (":v1", "place-unclear", "`./:v1` for a file"),
        ("@", "place-unclear", "`./@` for a file"),
        ("docker://", "reference-invalid", "lower-case letters"),
        ("docker://ghcr.io/A", "reference-invalid", "lower-case letters"),
        ("docker://ghcr.io/a:", "tag-invalid", "letters, digits"),
        ("docker://ghcr.io/a@sha256:0", "digest-invalid", "sha256:<64 hex>"),
        ("ghcr.io/A/b:v1", "reference-invalid", "lower-case letters"),
        ("localhost/a:-", "tag-invalid", "letters, digits"),
        ("host:99999/a", "reference-invalid", "HOST[:PORT]"),
        ("lay:a/b", "place-unclear", "`./lay:a/b` for a file"),
        ("oci:lay:", "tag-invalid", "letters, digits"),
        ("oci:lay:-a", "tag-invalid", "letters, digits"),
        ("oci:lay:a b", "tag-invalid", "letters, digits"),
        ("oci:lay:" + "a" * 129, "tag-invalid", "letters, digits"),
        ("oci:lay:v1\n", "tag-invalid", "letters, digits"),
        ("lay:", "tag-invalid", "letters, digits"),
        ("x.tar:ü", "tag-invalid", "letters, digits"),
        ("oci:lay@sha256:", "digest-invalid", "sha256:<64 hex>"),
        (f"oci:lay@sha256:{HEX[1:]}", "digest-invalid", "sha256:<64 hex>"),
        (f"oci:lay@sha256:{HEX.upper()}", "digest-invalid", "sha256:<64 hex>"),
        (f"oci:lay@SHA256:{HEX}", "digest-invalid", "sha256:<64 hex>"),
        (f"oci:lay@sha384:{HEX}", "digest-invalid", "sha256:<64 hex>"),
        (f"oci:lay@{DIGEST}\n", "digest-invalid", "sha256:<64 hex>"),
        (f"lay@sha256:{HEX}0", "digest-invalid", "sha256:<64 hex>"),
        (f"x.tar@sha512:{HEX}", "digest-invalid", "sha256:<64 hex>"),
    ],
)
def test_source_that_is_unclear_or_malformed_is_refused_with_a_hint(text: str, code: str, hint: str) -> None:
    with pytest.raises(RequestError) as error:
        parse_source(text)

    assert error.value.code == code
    assert (error.value.hint or "").startswith(hint)


@pytest.mark.parametrize("text", ["-", "app.wasm", "file", "./other.oci"])
def test_file_is_no_repository(text: str) -> None:
    with pytest.raises(RequestError) as error:
        parse_repository(text)

    assert (error.value.code, error.value.hint) == ("place-unclear", "`oci:DIR:TAG`")
    assert error.value.message == f"`{text}` is a file, not a layout"


@pytest.mark.parametrize("text", ["missing.wasm", "./missing", "/missing/lay:v1", "./new.tar:v1", "../lay@v1"])
def test_repository_that_is_not_there_is_not_called_a_file(text: str) -> None:
    with pytest.raises(NotFoundError) as error:
        parse_repository(text)

    assert (error.value.code, error.value.message) == ("not-found", f"`{text}` is not there")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("lay", layout("lay")),
        ("new", layout("new")),
        ("new/deep", layout("new/deep")),
        ("new.tar", archive("new.tar")),
        ("x.tar", archive("x.tar")),
        ("dir.tar", layout("dir.tar")),
        ("some.where/new", layout("some.where/new")),
        ("lay:v1", layout("lay:v1")),
        ("new.wasm", layout("new.wasm")),
        ("/absolute/new", layout("/absolute/new")),
        ("C:\\folder", layout("C:\\folder")),
    ],
)
def test_output_without_a_prefix_is_a_path(text: str, place: RepositoryPlace) -> None:
    assert parse_output(text) == place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("lay", layout("lay")),
        ("lay:v1", layout("lay", "v1")),
        ("a:b", layout("a:b")),
        ("a:b:v1", layout("a:b", "v1")),
        ("user@host:v1", layout("user@host", "v1")),
        ("x.tar", archive("x.tar")),
        ("x.tar:v1", archive("x.tar", "v1")),
        ("dir.tar:v1", layout("dir.tar", "v1")),
        ("new", layout("new")),
        ("new.tar", archive("new.tar")),
        ("new:v1", layout("new:v1")),
        ("plain:v1", layout("plain:v1")),
    ],
)
def test_destination_may_have_a_tag_where_the_path_is_there(text: str, place: RepositoryPlace) -> None:
    assert parse_destination(text) == place


@pytest.mark.parametrize("parse", [parse_output, parse_destination])
@pytest.mark.parametrize("text", ["-", "", "oci:", "oci-archive:", "oci::v1", f"oci:lay@{DIGEST}"])
def test_what_nothing_can_be_written_to_is_refused(parse: Parser, text: str) -> None:
    with pytest.raises(RequestError) as error:
        parse(text)

    assert error.value.code == "place-unclear"


@pytest.mark.parametrize("text", [f"lay@{DIGEST}", f"x.tar@{DIGEST}", f"oci-archive:new@{DIGEST}"])
def test_destination_is_not_named_by_digest(text: str) -> None:
    with pytest.raises(RequestError) as error:
        parse_destination(text)

    assert (error.value.code, error.value.message) == (
        "place-unclear",
        "what is written is named by a tag, not by a digest",
    )


@pytest.mark.parametrize("parse", [parse_output, parse_destination])
@pytest.mark.parametrize(
    ("text", "code"),
    [("docker://ghcr.io/A", "reference-invalid"), ("oci:lay:", "tag-invalid"), ("oci:lay@sha256:0", "digest-invalid")],
)
def test_output_with_a_prefix_is_checked_as_a_source_is(parse: Parser, text: str, code: str) -> None:
    with pytest.raises(RequestError) as error:
        parse(text)

    assert error.value.code == code


@pytest.mark.skipif(sys.platform == "win32", reason="names may be longer there")
@pytest.mark.parametrize("parse", [parse_source, parse_repository, parse_destination])
@pytest.mark.parametrize("prefix", ["", "oci:", "oci-archive:"])
def test_name_that_the_system_does_not_take_is_an_error_of_ours(parse: Parser, prefix: str) -> None:
    with pytest.raises(UnavailableError) as error:
        parse(prefix + "a" * 5000)

    assert error.value.code == "io-error"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such links")
@pytest.mark.parametrize("parse", PARSERS)
def test_link_that_leads_to_itself_is_no_crash(parse: Parser, here: Path) -> None:
    (here / "loop").symlink_to("loop")
    codes = set()
    for text in ("loop", "oci:loop:v1", "loop:v1", "./loop/a.tar:v1"):
        try:
            parse(text)
        except PackagingKitError as exc:
            codes.add(exc.code)

    assert codes <= {"io-error", "place-unclear", "not-found"}


@pytest.mark.parametrize("parse", [parse_source, parse_repository, parse_destination])
@pytest.mark.parametrize("prefix", ["", "oci:", "oci-archive:"])
@pytest.mark.parametrize("name", ["a\0b", "\0", "a\0:v1", "\ud800"])
def test_name_that_no_file_has_is_an_error_of_ours(parse: Parser, prefix: str, name: str) -> None:
    with pytest.raises(RequestError) as error:
        parse(prefix + name)

    assert error.value.code == "place-unclear"


@given(
    text=st.text(st.sampled_from("ab/.:@-v1 ~\\\n" + "é"), max_size=12)
    | st.text(st.characters(exclude_categories=()), max_size=8)
)
def test_any_text_is_a_place_or_an_error_of_ours(text: str) -> None:
    for prefix in ("", "oci:", "oci-archive:", "docker://", f"lay@{DIGEST}", "lay:"):
        for parse in PARSERS:
            try:
                place = parse(prefix + text)
            except PackagingKitError:
                continue

            assert isinstance(place, FilePlace | LayoutPlace | ArchivePlace | RegistryPlace)


@given(
    name=st.text(st.sampled_from("ab.@:-"), min_size=1, max_size=8).filter(lambda name: name.strip(".")),
    tag=st.none() | st.text(st.sampled_from("ab.-_1"), min_size=1, max_size=5).filter(lambda tag: tag[0] not in ".-"),
    is_layout=st.booleans(),
)
def test_place_of_something_that_is_there_is_read_back_from_its_text(
    name: str, tag: str | None, is_layout: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("names")
    path = folder / name
    place: RepositoryPlace
    if is_layout:
        path.mkdir()
        (path / "oci-layout").write_bytes(LAYOUT_FILE)
        place = LayoutPlace(folder=path, tag=tag)
    else:
        path.write_bytes(b"")
        place = ArchivePlace(file=path, tag=tag)

    assert parse_source(str(place)) == place


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (layout("lay"), "oci:lay"),
        (layout("lay", "v1"), "oci:lay:v1"),
        (layout("lay", digest=DIGEST), f"oci:lay@{DIGEST}"),
        (archive("x.tar", "v1"), "oci-archive:x.tar:v1"),
        (archive("x.tar", digest=DIGEST), f"oci-archive:x.tar@{DIGEST}"),
        (registry("ghcr.io/a/b:v1"), "docker://ghcr.io/a/b:v1"),
        (registry(f"ghcr.io/a/b@{DIGEST}"), f"docker://ghcr.io/a/b@{DIGEST}"),
        (registry("a"), "docker://docker.io/library/a"),
    ],
)
def test_place_is_written_with_its_prefix(place: RepositoryPlace, text: str) -> None:
    assert str(place) == text


def test_path_that_the_system_does_not_look_at_is_an_error_of_ours() -> None:
    with pytest.raises(UnavailableError) as error:
        parse_source("x" * 300 + "/lay:v1")

    assert error.value.code == "io-error"


def test_place_of_something_else_in_the_same_repository_has_its_tag_and_no_digest() -> None:
    assert with_tag(layout("lay", digest=DIGEST), "v1") == layout("lay", "v1")
    assert with_tag(archive("x.tar", "v1"), "v2") == archive("x.tar", "v2")
    assert with_tag(registry(f"ghcr.io/a:v1@{DIGEST}"), "v2") == registry("ghcr.io/a:v2")


REGISTRIES = [
    ("docker://ghcr.io/a/b:v1", "ghcr.io/a/b:v1"),
    ("ghcr.io/a/b:v1", "ghcr.io/a/b:v1"),
    ("ghcr.io/a/b", "ghcr.io/a/b"),
    (f"ghcr.io/a/b@{DIGEST}", f"ghcr.io/a/b@{DIGEST}"),
    ("localhost/a", "localhost/a"),
    ("localhost:5000/a:v1", "localhost:5000/a:v1"),
    ("host:5000/a", "host:5000/a"),
    ("[::1]:5000/a:v1", "[::1]:5000/a:v1"),
    ("docker://a", "docker.io/library/a"),
    ("docker://a/b:v1", "docker.io/a/b:v1"),
]


@pytest.mark.parametrize(("text", "reference"), REGISTRIES)
def test_registry_is_recognised_by_its_prefix_or_its_host(text: str, reference: str) -> None:
    found = (parse_source(text), parse_repository(text), parse_registry(text))

    assert found == 3 * (registry(reference),)


@pytest.mark.parametrize(("text", "reference"), [pair for pair in REGISTRIES if "@" not in pair[0]])
def test_registry_can_be_copied_to_with_or_without_its_prefix(text: str, reference: str) -> None:
    assert parse_target(text) == registry(reference)


@pytest.mark.parametrize("text", ["lay", "./lay:v1", "oci:lay:v1", "x.tar", "app.wasm", "missing", "a/b", "-"])
def test_what_is_pushed_to_or_pulled_from_is_a_registry(text: str) -> None:
    with pytest.raises(RequestError) as error:
        parse_registry(text)

    assert (error.value.code, error.value.hint) == ("place-unclear", "HOST/REPOSITORY:TAG, or `docker://NAME`")


def test_tag_and_digest_together_mean_the_digest() -> None:
    place = parse_registry(f"ghcr.io/a:v1@{DIGEST}")

    assert (place.tag, place.digest) == (None, DIGEST)


@pytest.mark.parametrize("text", ["docker://ghcr.io/a:v1", "ghcr.io/a:v1"])
def test_registry_is_no_place_on_this_machine(text: str) -> None:
    with pytest.raises(RequestError) as error:
        parse_local(text)

    assert (error.value.code, error.value.hint) == ("place-unsupported", "`oci:DIR`")


def test_local_place_is_one() -> None:
    assert (parse_local("lay:v1"), parse_local("oci:new")) == (layout("lay", "v1"), layout("new"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("lay", layout("lay")),
        ("lay:v1", layout("lay", "v1")),
        ("plain", layout("plain")),
        ("./new", layout("./new")),
        ("/absolute/new", layout("/absolute/new")),
        ("new.tar", archive("new.tar")),
        ("new.tar:v1", archive("new.tar", "v1")),
        ("some.where/new.tar:v1", archive("some.where/new.tar", "v1")),
        ("oci:new:v1", layout("new", "v1")),
    ],
)
def test_target_is_a_path_where_it_can_be_told(text: str, place: RepositoryPlace) -> None:
    assert parse_target(text) == place


@pytest.mark.parametrize("text", ["new", "new:v1", "some/where", "new.oci", "@"])
def test_target_that_could_be_a_path_or_a_registry_is_refused_with_both_spellings(text: str) -> None:
    with pytest.raises(RequestError) as error:
        parse_target(text)

    assert error.value.code == "place-unclear"
    assert error.value.hint == f"`oci:{text}` for a layout, `docker://{text}` for a registry"


def test_target_is_not_named_by_digest() -> None:
    with pytest.raises(RequestError) as error:
        parse_target(f"ghcr.io/a@{DIGEST}")

    assert error.value.code == "place-unclear"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("-", FilePlace("-")),
        ("new.wasm", FilePlace("new.wasm")),
        ("some/where/new.bin", FilePlace("some/where/new.bin")),
        ("file", FilePlace("file")),
        ("app.wasm", FilePlace("app.wasm")),
        ("odd:name.wasm", FilePlace("odd:name.wasm")),
        ("new", layout("new")),
        ("some.where/new", layout("some.where/new")),
        ("lay", layout("lay")),
        ("lay:v1", layout("lay", "v1")),
        ("plain", layout("plain")),
        ("dir.tar", layout("dir.tar")),
        ("new.tar", archive("new.tar")),
        ("x.tar", archive("x.tar")),
        ("x.tar:v1", archive("x.tar", "v1")),
        ("oci:new.wasm", layout("new.wasm")),
        ("oci-archive:new:v1", archive("new", "v1")),
    ],
)
def test_pull_goes_to_a_file_or_a_place(text: str, place: Place) -> None:
    assert parse_pulled(text) == place


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("docker://ghcr.io/a", "place-unsupported"),
        ("new.tar:v1", "place-unclear"),
        ("", "place-unclear"),
        (f"oci:lay@{DIGEST}", "place-unclear"),
    ],
)
def test_pull_that_goes_nowhere_is_refused(text: str, code: str) -> None:
    with pytest.raises(RequestError) as error:
        parse_pulled(text)

    assert error.value.code == code
