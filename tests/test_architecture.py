"""The table of the architecture: who may import whom, who does I/O, who sees the environment."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import packaging_kit
from tests.conftest import PACKAGE

TABLE = """
errors < digest | limits < document < blobs < wasm | oci | schemas < fragments < artifact | names < validate
< stores | engines < transfer < operations < cli
"""
RANK = {
    layer.strip(): rank
    for rank, layers in enumerate(TABLE.replace("\n", " ").split("<"))
    for layer in layers.split("|")
}

THIRD_PARTY = {
    "typer": ("cli",),
    "rich": ("cli",),
    "click": ("cli",),
    "oras": ("stores.registry",),
    # What oras itself stands on: its session, the connections under it, and the certificates that come with them.
    "requests": ("stores.registry",),
    "urllib3": ("stores.registry",),
    "certifi": ("stores.registry",),
    "jsonschema": ("validate",),
    "wasmtime": ("engines",),
}
WITH_IO = ("stores", "engines", "transfer", "operations", "cli")
IO_MODULES = frozenset(
    (
        "asyncio",
        "builtins",
        "fcntl",
        "fileinput",
        "ftplib",
        "glob",
        "http",
        "io",
        "logging",
        "mmap",
        "os",
        "pathlib",
        "select",
        "shelve",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "sys",
        "tarfile",
        "tempfile",
        "urllib",
        "webbrowser",
        "zipfile",
    )
)
IO_CALLS = frozenset(("open", "print", "input", "breakpoint", "exec", "eval", "compile", "__import__"))
# A program asks these; a library that does gives other output for the same input.
CLOCKS_AND_CHANCE = frozenset(("time", "random", "secrets", "uuid", "locale", "getpass", "platform"))
ENVIRONMENT = frozenset(("environ", "environb", "getenv", "putenv", "expanduser", "expandvars", "home"))
# STYLE asks for about 300.
MOST_LINES = 350


@dataclass(frozen=True, slots=True)
class Module:
    """One module of the package, parsed."""

    path: Path
    name: str
    tree: ast.Module

    @property
    def layer(self) -> str:
        return self.name.partition(".")[0]

    def is_in(self, *places: str) -> bool:
        return any(self.name == place or self.name.startswith(place + ".") for place in places)

    def iter_imports(self) -> Iterator[tuple[str, int]]:
        """Every module that is imported, at the top or inside anything, and the line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}:{node.lineno} imports relatively"
                yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)

    def iter_outside_imports(self) -> Iterator[tuple[str, int]]:
        """The first part of what is imported from outside the package."""
        for imported, line in self.iter_imports():
            first = imported.partition(".")[0]
            if first != "packaging_kit":
                yield first, line


def _read_modules() -> Iterator[Module]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts).removesuffix("__init__").removesuffix(".")
        yield Module(path, name, ast.parse(path.read_text(encoding="utf-8")))


MODULES = tuple(_read_modules())
LAYERED = tuple(module for module in MODULES if module.name)
(ROOT,) = (module for module in MODULES if not module.name)


def _names(modules: tuple[Module, ...]) -> list[str]:
    return [module.name or "packaging_kit" for module in modules]


def test_every_module_belongs_to_a_layer_of_the_table() -> None:
    assert {module.layer for module in LAYERED} - set(RANK) == set()


@pytest.mark.parametrize("module", LAYERED, ids=_names(LAYERED))
def test_module_imports_only_from_layers_to_its_left(module: Module) -> None:
    wrong = [
        f"line {line}: {imported}"
        for imported, line in module.iter_imports()
        if imported.startswith("packaging_kit.") and not _may_import(module.layer, imported.split(".")[1])
    ]

    assert wrong == []


def _may_import(layer: str, imported: str) -> bool:
    if imported not in RANK:
        return layer == "cli" and imported in ("__version__",)
    return imported == layer or RANK[imported] < RANK[layer]


@pytest.mark.parametrize("module", MODULES, ids=_names(MODULES))
def test_third_party_packages_are_imported_only_where_the_design_says(module: Module) -> None:
    wrong = [
        f"line {line}: {name}"
        for name, line in module.iter_outside_imports()
        if name not in sys.stdlib_module_names and not module.is_in(*THIRD_PARTY.get(name, ()))
    ]

    assert wrong == []


@pytest.mark.parametrize("module", MODULES, ids=_names(MODULES))
def test_third_party_packages_other_than_typer_are_imported_when_first_needed(module: Module) -> None:
    top = [node for node in module.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [alias.name if isinstance(node, ast.Import) else str(node.module) for node in top for alias in node.names]
    allowed = THIRD_PARTY.keys() if module.is_in("stores.registry") else {"typer"}
    wrong = [name for name in names if name.partition(".")[0] in THIRD_PARTY.keys() - allowed]

    assert wrong == []


@pytest.mark.parametrize("module", MODULES, ids=_names(MODULES))
def test_what_talks_to_registries_is_imported_when_first_needed(module: Module) -> None:
    top = [node.module for node in module.tree.body if isinstance(node, ast.ImportFrom)]
    registry = "packaging_kit.stores.registry."
    light = {registry + name for name in ("options", "credentials", "credential_files", "credential_helpers")}
    wrong = [name for name in top if name is not None and name.startswith(registry) and name not in light]

    assert wrong == [] or module.is_in("stores.registry")


PURE = tuple(module for module in LAYERED if not module.is_in(*WITH_IO) and not module.is_in("schemas"))


@pytest.mark.parametrize("module", PURE, ids=_names(PURE))
def test_pure_module_imports_nothing_that_does_io(module: Module) -> None:
    wrong = [f"line {line}: {name}" for name, line in module.iter_outside_imports() if name in IO_MODULES]

    assert wrong == []


@pytest.mark.parametrize("module", PURE, ids=_names(PURE))
def test_pure_module_calls_nothing_that_does_io(module: Module) -> None:
    wrong = [
        f"line {node.lineno}: {node.func.id}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IO_CALLS
    ]

    assert wrong == []


NOT_CLI = tuple(module for module in MODULES if module.layer != "cli")


@pytest.mark.parametrize("module", NOT_CLI, ids=_names(NOT_CLI))
def test_only_the_command_line_sees_the_environment(module: Module) -> None:
    wrong = [
        f"line {node.lineno}: {node.attr}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT
    ]
    wrong += [f"line {line}: {name}" for name, line in module.iter_imports() if name.rpartition(".")[2] in ENVIRONMENT]

    assert wrong == []


@pytest.mark.parametrize("module", NOT_CLI, ids=_names(NOT_CLI))
def test_only_the_command_line_prints_or_exits(module: Module) -> None:
    wrong = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "input", "exit", "sys.exit", "os._exit"))
        or (
            isinstance(node, ast.Attribute)
            and ast.unparse(node) in ("sys.stdout", "sys.stderr", "sys.stdin", "sys.argv")
        )
    ]

    assert wrong == []


@pytest.mark.parametrize("module", NOT_CLI, ids=_names(NOT_CLI))
def test_no_library_module_asks_a_clock_or_chance(module: Module) -> None:
    # Waiting and timing out are for stores and engines to come; what is written never depends on them.
    allowed = {"time", "random"} if module.is_in("stores.registry", "engines") else set()
    wrong = [
        f"line {line}: {name}"
        for name, line in module.iter_outside_imports()
        if name in CLOCKS_AND_CHANCE and name not in allowed
    ]

    assert wrong == []


@pytest.mark.parametrize("module", NOT_CLI, ids=_names(NOT_CLI))
def test_no_input_is_checked_by_assert(module: Module) -> None:
    assert [node.lineno for node in ast.walk(module.tree) if isinstance(node, ast.Assert)] == []


@pytest.mark.parametrize("module", MODULES, ids=_names(MODULES))
def test_no_module_is_too_long(module: Module) -> None:
    assert len(module.path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("module", MODULES, ids=_names(MODULES))
def test_every_module_opens_with_a_sentence_of_purpose(module: Module) -> None:
    first = (ast.get_docstring(module.tree) or "").partition("\n")[0]

    assert first.rstrip().endswith((".", ":")) or first.rstrip().endswith(").")


@pytest.mark.parametrize("module", LAYERED, ids=_names(LAYERED))
def test_only_the_root_says_what_is_exported(module: Module) -> None:
    names = [
        target.id
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]

    assert "__all__" not in names


def test_root_exports_what_it_says_and_types_what_it_exports() -> None:
    typed = {
        alias.asname
        for node in ast.walk(ROOT.tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("packaging_kit.")
        for alias in node.names
    }

    assert typed | {"__version__"} == set(packaging_kit.__all__)
    assert all(getattr(packaging_kit, name) is not None for name in packaging_kit.__all__)


def test_name_that_the_root_does_not_export_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = packaging_kit.nothing


def test_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_every_error_is_one_of_ours_and_named_so() -> None:
    wrong = [
        f"{module.name}: {node.name}"
        for module in MODULES
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)
        and not (
            node.name.endswith("Error") and (module.name == "errors" or ast.unparse(node.bases[0]).endswith("Error"))
        )
    ]

    assert wrong == []
