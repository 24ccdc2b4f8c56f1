"""`docs/errors.md` lists the codes that the package raises, no more and no fewer, with what each of them carries."""

import ast
import pickle
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from packaging_kit import errors
from packaging_kit.cli.exit_codes import exit_code

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "packaging_kit"

ANSWER = ("method", "path", "status", "registry_codes")
CARRIES = {
    "WasmFormatError": ("offset",),
    "SkeletonError": ("digest", "offset"),
    "ContentError": ("expected", "actual", "digest"),
    "DocumentError": ("json_path",),
    "NotFoundError": ANSWER,
    "RegistryError": ANSWER,
}

# Defined beside their one raiser, and never told apart outside of it.
PRIVATE = {"BrokenError": "RegistryError", "StoppedError": "RegistryError"}

_ROW = re.compile(r"\| `([a-z0-9-]+)` \| (\d) \| ([^|]*)\|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """A code in the source: which class carries it, and where."""

    code: str
    error: str
    place: str


def is_error_class(name: str) -> bool:
    return isinstance(found := getattr(errors, name, None), type) and issubclass(found, errors.PackagingKitError)


def texts(node: ast.expr, module: ast.Module, place: str) -> set[str]:
    """What the expression of a code can be: a constant, one of two, or a variable that was given one."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp():
            return texts(node.body, module, place) | texts(node.orelse, module, place)
        case ast.Name(id=name):
            assigned = [
                statement.value
                for statement in ast.walk(module)
                if isinstance(statement, ast.Assign) and [ast.unparse(target) for target in statement.targets] == [name]
            ]
            if assigned:
                return set().union(*(texts(value, module, place) for value in assigned))
    raise AssertionError(f"{place}: this test can't tell which code `{ast.unparse(node)}` is")


def raised_in(path: Path) -> Iterator[Raised]:
    module = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        name = PRIVATE.get(name, name)
        if not is_error_class(name):
            continue
        place = f"{path.relative_to(REPOSITORY)}:{node.lineno}"
        for code in sorted(texts(node.args[0], module, place)):
            yield Raised(code=code, error=name, place=place)


RAISED = [raised for path in sorted(PACKAGE.rglob("*.py")) for raised in raised_in(path)]


def documented() -> dict[str, tuple[int, tuple[str, ...]]]:
    """Exit code and carried data of every code in the document."""
    text = (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8")
    rows = _ROW.findall(text)
    assert len(rows) == len({code for code, _, _ in rows}), "a code has two rows"
    return {code: (int(exit_), tuple(re.findall(r"`(\w+)`", carries))) for code, exit_, carries in rows}


def test_document_lists_the_codes_that_are_raised() -> None:
    assert sorted(documented()) == sorted({raised.code for raised in RAISED})


@pytest.mark.parametrize("raised", RAISED, ids=lambda raised: f"{raised.code} {raised.place}")
def test_code_has_the_exit_code_and_the_data_that_the_document_says(raised: Raised) -> None:
    error_class = getattr(errors, raised.error)

    found = int(exit_code(error_class.__new__(error_class))), CARRIES.get(raised.error, ())

    assert documented()[raised.code] == found


@pytest.mark.parametrize("code", sorted({raised.code for raised in RAISED}))
def test_code_is_kebab_case(code: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", code)


def test_errors_are_defined_in_one_module_only() -> None:
    elsewhere = [
        f"{path.relative_to(REPOSITORY)}: {node.name}"
        for path in PACKAGE.rglob("*.py")
        if path.name != "errors.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and node.name not in PRIVATE
        and any(is_error_class(ast.unparse(base)) for base in node.bases)
    ]

    assert elsewhere == [], "this test has to learn where else errors are defined"


@pytest.mark.parametrize(
    "error",
    [
        errors.StoreError("tag-exists", "the tag is there", hint="`--force`"),
        errors.WasmFormatError("wasm-malformed", "cut off", offset=9),
        errors.ContentError("size-mismatch", "too large", expected=1, actual=2),
    ],
    ids=lambda error: error.code,
)
def test_error_crosses_to_another_process_whole(error: errors.PackagingKitError) -> None:
    error.subject = "app.wasm"

    back = pickle.loads(pickle.dumps(error))

    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))
