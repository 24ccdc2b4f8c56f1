"""Policies: what is read from TOML, what is refused, and what patterns and licenses match."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.artifact.licenses import is_license_allowed
from packaging_kit.errors import RequestError
from packaging_kit.limits import GIB, KIB, MAX_JSON_INTEGER, MIB
from packaging_kit.validate.catalog import CODES
from packaging_kit.validate.policy import Patterns, Policy, matches
from packaging_kit.validate.policy_text import MAX_POLICY_SIZE, parse_policy
from packaging_kit.validate.problem import Level
from tests.timing import LINEAR

ALL: Final = """
[size]
whole = "64 MiB"
module = 1000
manifest = "64KiB"
modules = 100

[annotations]
required = ["org.opencontainers.image.source", "com.example.a"]

[imports]
allow = ["wasi:*"]
deny = ["wasi:sockets/*"]

[licenses]
allow = ["Apache-2.0", "MIT"]

[tags]
semantic = true

[reproducible]
created = ["1970-01-01T00:00:00Z"]

[split]
required = true

[levels]
annotation-absent = "error"
config-os = "note"
"""

KEYS: Final[dict[str, tuple[str, str, Any]]] = {
    "size.whole": ('[size]\nwhole = "64 MiB"', "max_whole_size", 64 * MIB),
    "size.module": ("[size]\nmodule = 1000", "max_module_size", 1000),
    "size.manifest": ('[size]\nmanifest = "64KiB"', "max_manifest_size", 64 * KIB),
    "size.modules": ("[size]\nmodules = 0", "max_modules", 0),
    "annotations.required": ('[annotations]\nrequired = ["a", "b"]', "required_annotations", ("a", "b")),
    "imports.allow": ('[imports]\nallow = ["wasi:*"]', "allowed_imports", ("wasi:*",)),
    "imports.allow, none": ("[imports]\nallow = []", "allowed_imports", ()),
    "imports.deny": ('[imports]\ndeny = ["a"]', "denied_imports", ("a",)),
    "licenses.allow": ('[licenses]\nallow = ["MIT"]', "allowed_licenses", ("MIT",)),
    "licenses.allow, none": ("[licenses]\nallow = []", "allowed_licenses", ()),
    "tags.semantic": ("[tags]\nsemantic = true", "semantic_tags", True),
    "reproducible.created": (
        '[reproducible]\ncreated = ["2026-01-01T00:00:00Z"]',
        "allowed_created",
        ("2026-01-01T00:00:00Z",),
    ),
    "split.required": ("[split]\nrequired = true", "split_required", True),
    "levels": ('[levels]\nconfig-os = "note"', "levels", {"config-os": Level.NOTE}),
}
NEVER_LOOKED_AT: Final = (
    *("engine-missing", "engine-timeout", "engine-failed"),
    *("not-found", "digest-mismatch", "size-mismatch", "fragment-missing"),
    *("document-invalid", "document-too-large", "document-too-many-entries"),
    *("document-type-unknown", "document-type-unexpected", "index-no-component", "layers-not-one"),
    *("json-not-utf8", "json-syntax", "json-too-deep", "json-not-an-object"),
    *("wasm-malformed", "wasm-unsupported", "wasm-reserved-section", "wasm-too-deep", "wasm-too-large"),
    *("skeleton-not-canonical", "skeleton-too-large", "split-incomplete", "split-too-many-fragments"),
    *("document-schema", "document-kinds-mixed", "media-type-mismatch", "media-type-unexpected"),
    *("size-not-an-integer", "size-negative", "json-number-invalid", "json-integer-too-large"),
    *("digest-form", "digest-case", "digest-length", "digest-algorithm"),
    *("json-duplicate-name", "json-trailing-data", "json-byte-order-mark", "json-lone-surrogate"),
    *("split-index-incomplete", "split-needless", "split-whole-mismatch", "split-root-mismatch"),
)
"""Codes of what stands for something that was not looked at."""
FIELDS: Final = tuple(Policy.__dataclass_fields__)


def refused(text: str) -> str:
    """The message with which a policy is refused."""
    with pytest.raises(RequestError) as error:
        parse_policy(text)

    assert error.value.code == "policy-invalid"
    return error.value.message


def test_policy_says_all_that_it_can() -> None:
    policy = parse_policy(ALL)

    assert policy == Policy(
        max_whole_size=64 * MIB,
        max_module_size=1000,
        max_manifest_size=64 * KIB,
        max_modules=100,
        required_annotations=("org.opencontainers.image.source", "com.example.a"),
        allowed_imports=("wasi:*",),
        denied_imports=("wasi:sockets/*",),
        allowed_licenses=("Apache-2.0", "MIT"),
        semantic_tags=True,
        allowed_created=("1970-01-01T00:00:00Z",),
        split_required=True,
        levels={"annotation-absent": Level.ERROR, "config-os": Level.NOTE},
    )


@pytest.mark.parametrize("name", KEYS)
def test_each_key_sets_its_field_and_no_other(name: str) -> None:
    text, field, value = KEYS[name]
    policy, nothing = parse_policy(text), Policy()

    assert getattr(policy, field) == value
    assert [each for each in FIELDS if getattr(policy, each) != getattr(nothing, each)] == [field]


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "[size]", "[imports]\n[licenses]", "levels = {}"])
def test_policy_that_says_nothing_asks_for_nothing(text: str) -> None:
    assert parse_policy(text) == Policy()


def test_false_asks_for_nothing() -> None:
    assert parse_policy("[tags]\nsemantic = false\n[split]\nrequired = false") == Policy()


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1", 1),
        (str(MAX_JSON_INTEGER), MAX_JSON_INTEGER),
        ('"0 B"', 0),
        ('"7B"', 7),
        ('"2 KiB"', 2 * KIB),
        ('"3MiB"', 3 * MIB),
        ('"4 GiB"', 4 * GIB),
        ('"999999999999 GiB"', 999_999_999_999 * GIB),
        ("0x10", 16),
    ],
)
def test_sizes_have_units(text: str, size: int) -> None:
    assert parse_policy(f"[size]\nwhole = {text}").max_whole_size == size


@pytest.mark.parametrize("name", ["whole", "module", "manifest"])
@pytest.mark.parametrize(
    "text",
    [
        "-1",
        "1.5",
        "1.0",
        "true",
        "[1]",
        str(MAX_JSON_INTEGER + 1),
        '""',
        '"1"',
        '"MiB"',
        '"1 MB"',
        '"1 mib"',
        '"1  MiB"',
        '" 1 MiB"',
        '"1 MiB "',
        '"1 MiB\\n"',
        '"-1 MiB"',
        '"1.5 MiB"',
        '"1_000 MiB"',
        '"1234567890123 B"',
        '"\u0661 MiB"',
        "1979-05-27",
        "inf",
    ],
)
def test_sizes_of_another_form_are_refused(name: str, text: str) -> None:
    assert f"`size.{name}`" in refused(f"[size]\n{name} = {text}")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("size = 1", "size"),
        ("annotations = []", "annotations"),
        ('imports = "wasi:*"', "imports"),
        ("licenses = true", "licenses"),
        ("[[tags]]", "tags"),
        ("reproducible = 1970-01-01", "reproducible"),
        ("split = true", "split"),
        ("levels = []", "levels"),
        ('[size]\nmodules = "1 KiB"', "size.modules"),
        ("[size]\nmodules = -1", "size.modules"),
        ("[size]\nmodules = true", "size.modules"),
        ('[annotations]\nrequired = "a"', "annotations.required"),
        ("[annotations]\nrequired = [1]", "annotations.required[0]"),
        ('[annotations]\nrequired = [""]', "annotations.required[0]"),
        ('[annotations]\nrequired = ["a", "a"]', "annotations.required"),
        ('[imports]\nallow = "wasi:*"', "imports.allow"),
        ('[imports]\nallow = [["wasi:*"]]', "imports.allow[0]"),
        ("[imports]\ndeny = {}", "imports.deny"),
        ('[imports]\ndeny = ["a", ""]', "imports.deny[1]"),
        ("[licenses]\nallow = [true]", "licenses.allow[0]"),
        ('[tags]\nsemantic = "true"', "tags.semantic"),
        ("[tags]\nsemantic = 1", "tags.semantic"),
        ("[reproducible]\ncreated = [1970-01-01T00:00:00Z]", "reproducible.created[0]"),
        ("[split]\nrequired = 0", "split.required"),
        ('[levels]\nconfig-os = "warning"', "levels.config-os"),
        ("[levels]\nconfig-os = true", "levels.config-os"),
    ],
)
def test_values_of_another_type_are_refused_with_their_path(text: str, path: str) -> None:
    assert f"`{path}`" in refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "a = 1",
        "[sizes]",
        "[size]\nwholes = 1",
        "[annotations]\nrequire = []",
        "[imports]\nallowed = []",
        "[licenses]\ndeny = []",
        "[tags]\nsemver = true",
        "[reproducible]\ntime = []",
        "[split]\nform = 1",
        '[levels]\n"Config OS" = "note"',
        '[levels]\nos = "note"',
        '[levels.config-os]\nlevel = "note"',
    ],
)
def test_tables_and_keys_that_are_not_known_are_refused(text: str) -> None:
    assert refused(text) != ""


def test_level_of_a_rule_that_is_not_there_is_refused() -> None:
    assert "`config-oss`" in refused('[levels]\nconfig-os = "note"\nconfig-oss = "note"')


def test_keys_with_many_dots_are_taken_where_they_are_texts() -> None:
    name = "com.example." + "a." * 100 + "a"
    text = f'[annotations]\nrequired = ["{name}", \'{name}.b\', "a\\".{name}"]'

    assert len(parse_policy(text).required_annotations) == 3


@pytest.mark.parametrize("code", [code for code in CODES if code not in NEVER_LOOKED_AT])
def test_every_rule_on_what_was_looked_at_may_have_another_level(code: str) -> None:
    levels = parse_policy(f'[levels]\n{code} = "note"').levels

    assert levels == {code: Level.NOTE}


@pytest.mark.parametrize("code", NEVER_LOOKED_AT)
def test_what_was_not_looked_at_is_never_a_note(code: str) -> None:
    message = refused(f'[levels]\n{code} = "note"')

    assert message == f"`{code}` is always an error: what was not looked at is never clean"


@pytest.mark.parametrize("code", NEVER_LOOKED_AT)
def test_what_was_not_looked_at_may_be_said_to_be_an_error(code: str) -> None:
    assert parse_policy(f'[levels]\n{code} = "error"').levels == {code: Level.ERROR}


def test_level_of_a_rule_that_is_not_there_is_told_before_what_the_level_is() -> None:
    message = refused('[levels]\nconfig-oss = "warning"\n"Config OS" = 1')

    assert message == "there is no rule `Config OS`"


@pytest.mark.parametrize("time", ["", "a", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00"])
def test_times_that_are_not_of_rfc_3339_are_refused(time: str) -> None:
    message = refused(f'[reproducible]\ncreated = ["1970-01-01T00:00:00Z", "{time}"]')

    assert f"`{time}`" in message or time == ""


def test_times_have_fractions_and_offsets() -> None:
    times = ("2026-01-01T00:00:00.5+01:00", "1970-01-01T00:00:00Z")
    text = f"[reproducible]\ncreated = {list(times)}"

    assert parse_policy(text).allowed_created == times


@pytest.mark.parametrize(
    "text",
    [
        "size",
        "[size",
        "[size]\n[size]",
        "[size]\nwhole = 1\nwhole = 2",
        'a = "',
        "\x00",
        "a = 1\r\rb = 2",
        "a = " + "[" * 100_000,
        "a = " + "[" * 5000 + "]" * 5000,
        "a = " + "{a = " * 5000,
        "[" + "a." * 500_000 + "a]",
        "a." * 500_000 + "a = 1",
        '"a" . ' * 100_000 + "a = 1",
        "a = 1" + "0" * 100_000,
    ],
)
def test_what_is_no_toml_is_refused_and_nothing_else_happens(text: str) -> None:
    start = time.thread_time()

    assert refused(text) != ""
    assert time.thread_time() - start < LINEAR


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(RequestError) as error:
        parse_policy(b'[imports]\ndeny = ["\xff"]')

    assert (error.value.code, error.value.message) == ("policy-invalid", "the policy is not UTF-8")


def test_policy_of_a_mebibyte_is_read_and_one_of_a_byte_more_is_not() -> None:
    text = b"[tags]\nsemantic = true\n#"
    most = text + b" " * (MAX_POLICY_SIZE - len(text))
    with pytest.raises(RequestError) as error:
        parse_policy(most + b" ")

    assert parse_policy(most) == Policy(semantic_tags=True)
    assert error.value.code == "policy-invalid"


def outcome(parse: Callable[[], Policy]) -> str:
    """`policy`, or the code of the error."""
    try:
        return type(parse()).__name__
    except RequestError as error:
        return error.code


@given(st.text(max_size=200))
def test_any_text_is_a_policy_or_refused(text: str) -> None:
    assert outcome(lambda: parse_policy(text)) in ("Policy", "policy-invalid")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_policy_or_refused(raw: bytes) -> None:
    assert outcome(lambda: parse_policy(raw)) in ("Policy", "policy-invalid")


# Patterns.


def naive(pattern: str, name: str) -> bool:
    """The same by its definition: a star takes as much as it likes."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(naive(pattern[1:], name[start:]) for start in range(len(name) + 1))
    return name[:1] == pattern[0] and naive(pattern[1:], name[1:])


@given(st.text("ab*", max_size=7), st.text("ab*", max_size=9))
def test_pattern_matches_what_its_definition_does(pattern: str, name: str) -> None:
    assert matches(pattern, name) == naive(pattern, name)


def test_short_patterns_match_what_their_definition_does() -> None:
    patterns = ["".join(each) for size in range(6) for each in itertools.product("a*b", repeat=size)]
    names = ["".join(each) for size in range(5) for each in itertools.product("ab", repeat=size)]
    differ = [(p, n) for p in patterns for n in names if matches(p, n) != naive(p, n)]

    assert differ == []


@given(st.lists(st.text("ab*", max_size=5), max_size=4), st.text("ab", max_size=6))
def test_many_patterns_match_what_one_of_them_does(patterns: list[str], name: str) -> None:
    assert Patterns(patterns).match(name) == any(naive(pattern, name) for pattern in patterns)


@pytest.mark.parametrize(
    ("pattern", "name", "is_match"),
    [
        ("wasi:*", "wasi:io/streams@0.2.0", True),
        ("wasi:*", "wasix:io/streams", False),
        ("wasi:sockets/*", "wasi:sockets/tcp@0.2.0", True),
        ("wasi:sockets/*", "wasi:sockets", False),
        ("*@0.2.0", "wasi:io/streams@0.2.0", True),
        ("*@0.2.0", "wasi:io/streams@0.2.00", False),
        ("wasi:io/streams", "wasi:io/streams@0.2.0", False),
        ("wasi:io/streams@0.2.?", "wasi:io/streams@0.2.0", False),
        ("wasi:[a-z]*", "wasi:io", False),
        ("a*a", "a", False),
        ("ab*ba", "aba", False),
        ("*", "", True),
        ("**", "a\nb", True),
        ("", "", True),
    ],
)
def test_pattern_means_what_it_says(pattern: str, name: str, is_match: bool) -> None:
    assert (matches(pattern, name), Patterns([pattern]).match(name)) == (is_match, is_match)


def test_hostile_pattern_takes_no_time() -> None:
    start = time.thread_time()

    assert not matches("*a" * 20_000 + "*b", "a" * 100_000)
    assert time.thread_time() - start < LINEAR


# Licenses.

NAMES: Final = ("MIT", "ISC", "GPL-2.0+")
_leaves = st.sampled_from(("MIT", "ISC", "GPL-2.0+", "MIT WITH x", "ISC WITH y"))
Tree = str | tuple[str, Any, Any]
_trees: st.SearchStrategy[Tree] = st.recursive(
    _leaves, lambda inner: st.tuples(st.sampled_from(("AND", "OR")), inner, inner), max_leaves=8
)


def spelled(tree: Tree, *, is_closed: bool = False) -> str:
    """A tree as text, with no more parentheses than it takes: `AND` binds more than `OR`."""
    if isinstance(tree, str):
        return tree
    operator, left, right = tree
    sides = [spelled(side, is_closed=operator == "AND" and side[0] == "OR") for side in (left, right)]
    text = f" {operator} ".join(sides)
    return f"({text})" if is_closed else text


def is_met(tree: Tree, allowed: frozenset[str]) -> bool:
    """Whether a tree can be met, by its definition."""
    if isinstance(tree, str):
        return tree in allowed or tree.partition(" WITH ")[0] in allowed
    operator, left, right = tree
    sides = (is_met(left, allowed), is_met(right, allowed))
    return all(sides) if operator == "AND" else any(sides)


ALLOWED: Final = ("MIT", "ISC", "GPL-2.0+", "MIT WITH x", "ISC WITH y")
SUBSETS: Final = tuple(frozenset(each) for size in range(6) for each in itertools.combinations(ALLOWED, size))


@given(_trees)
def test_license_is_allowed_where_its_expression_can_be_met(tree: Tree) -> None:
    text = spelled(tree)
    differ = [allowed for allowed in SUBSETS if is_license_allowed(text, allowed) != is_met(tree, allowed)]

    assert differ == []


@given(_trees, st.integers(0, 3), st.integers(0, 3))
def test_parentheses_around_all_of_it_change_nothing(tree: Tree, count: int, spaces: int) -> None:
    text = "(" * count + re.sub(" ", " " + " " * spaces, spelled(tree)) + ")" * count

    assert all(is_license_allowed(text, allowed) == is_met(tree, allowed) for allowed in SUBSETS)


@pytest.mark.parametrize(
    ("text", "allowed", "is_allowed"),
    [
        ("MIT", ("MIT",), True),
        ("MIT", (), False),
        ("mit", ("MIT",), True),
        ("MIT OR gpl-2.0-only WITH classpath-exception-2.0", ("GPL-2.0-only with Classpath-exception-2.0",), True),
        ("MIT or ISC", ("MIT", "ISC"), False),
        ("MIT OR GPL-3.0-only", ("MIT",), True),
        ("MIT AND GPL-3.0-only", ("MIT",), False),
        ("MIT OR ISC AND GPL-3.0-only", ("ISC",), False),
        ("(MIT OR ISC) AND GPL-3.0-only", ("ISC", "GPL-3.0-only"), True),
        ("Apache-2.0 WITH LLVM-exception", ("Apache-2.0",), True),
        ("Apache-2.0 WITH LLVM-exception", ("Apache-2.0 WITH LLVM-exception",), True),
        ("Apache-2.0", ("Apache-2.0 WITH LLVM-exception",), False),
        ("Apache-2.0 WITH other", ("Apache-2.0 WITH LLVM-exception",), False),
        ("LLVM-exception", ("Apache-2.0 WITH LLVM-exception",), False),
        ("GPL-2.0+", ("GPL-2.0",), False),
        ("", ("",), False),
        ("MIT MIT", ("MIT", "MIT MIT"), False),
        ("MIT,ISC", ("MIT,ISC",), False),
    ],
)
def test_license_is_allowed_as_it_is_written(text: str, allowed: tuple[str, ...], is_allowed: bool) -> None:
    assert is_license_allowed(text, allowed) == is_allowed


def test_hostile_expression_takes_no_time() -> None:
    text = "(" * 10_000 + "MIT" + ")" * 10_000 + " AND MIT OR ISC" * 5_000
    start = time.thread_time()

    assert is_license_allowed(text, ("ISC",))
    assert time.thread_time() - start < 2 * LINEAR
