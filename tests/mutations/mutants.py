"""Mutants: the source of a module with one thing in it changed."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Final, NamedTuple

from tests.conftest import PACKAGE, REPOSITORY

FOLDER: Final = PACKAGE / "validate"
MODULES: Final = (*sorted((FOLDER / "rules").glob("*_rules.py")), FOLDER / "shapes.py", FOLDER / "json_text.py")
"""What is mutated."""

REMOVAL: Final = "the rule is taken away"

_NEGATED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_BORDER: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change.

    Attributes:
        path: of the module.
        source: as it was when the mutants were counted.
        number: of the change in it.
        line: where it is.
        function: the rule's, or the helper's; empty for a constant of the module.
        change: what was and what is.
    """

    path: Path
    source: str = field(repr=False)
    number: int
    line: int
    function: str
    change: str

    @property
    def module(self) -> str:
        """Its dotted name."""
        return ".".join(self.path.relative_to(REPOSITORY).with_suffix("").parts)

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is called in the list of equivalent ones: no line, which changes with the weather."""
        return self.path.name, self.function, self.change

    @property
    def is_removal(self) -> bool:
        return self.change.startswith(REMOVAL)

    def compile(self) -> CodeType:
        """The module with this change."""
        tree = ast.parse(self.source)
        next(site for number, site in enumerate(_sites(tree)) if number == self.number).apply()
        return compile(ast.fix_missing_locations(tree), str(self.path), "exec")

    def __str__(self) -> str:
        place = f"{self.path.relative_to(REPOSITORY)}:{self.line}"
        return f"{place}: {self.function or 'a constant'}: {self.change}"


def mutants_of(path: Path) -> tuple[Mutant, ...]:
    """Every mutant of a module."""
    source = path.read_text()
    sites = _sites(ast.parse(source))
    return tuple(
        Mutant(path=path, source=source, number=number, line=site.line, function=site.function, change=site.change)
        for number, site in enumerate(sites)
    )


class _Site(NamedTuple):
    line: int
    function: str
    change: str
    apply: Callable[[], None]


class _Slot(NamedTuple):
    """Where an expression stands, so that another one can be put there."""

    parent: ast.AST
    name: str
    number: int | None
    node: ast.expr

    def put(self, node: ast.expr) -> None:
        if self.number is None:
            setattr(self.parent, self.name, node)
        else:
            getattr(self.parent, self.name)[self.number] = node

    @property
    def is_condition(self) -> bool:
        is_test = self.name == "test" and isinstance(self.parent, ast.If | ast.IfExp | ast.While)
        return is_test or self.name in ("ifs", "guard")


def _sites(tree: ast.Module) -> Iterator[_Site]:
    yield from _removals(tree)
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            yield from _constants(statement)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield from _function_sites(node)


def _removals(tree: ast.Module) -> Iterator[_Site]:
    """A rule out of one tuple of rules, and out of all where it is in several."""
    found: dict[str, list[tuple[str, ast.Tuple, ast.expr]]] = {}
    for statement in tree.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.value, ast.Tuple):
            continue
        holder = ast.unparse(statement.target)
        for element in statement.value.elts if holder.endswith("_RULES") else ():
            found.setdefault(ast.unparse(element), []).append((holder, statement.value, element))
    for name, places in found.items():
        for holder, values, element in places:
            yield _Site(element.lineno, name, f"{REMOVAL} from `{holder}`", _remover([(values, element)]))
        if len(places) > 1:
            everywhere = [(values, element) for _, values, element in places]
            yield _Site(places[0][2].lineno, name, f"{REMOVAL} from all", _remover(everywhere))


def _remover(places: list[tuple[ast.Tuple, ast.expr]]) -> Callable[[], None]:
    def remove() -> None:
        for values, element in places:
            values.elts.remove(element)

    return remove


def _constants(statement: ast.Assign | ast.AnnAssign) -> Iterator[_Site]:
    """A number that has a name, one more and one less."""
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    value = statement.value
    number = value.value if isinstance(value, ast.Constant) else None
    if isinstance(number, int) and not isinstance(number, bool):
        for changed in (number + 1, number - 1):
            text = f"`{ast.unparse(target)} = {number}` -> `{changed}`"
            yield _Site(statement.lineno, "", text, _setter(statement, "value", ast.Constant(changed)))


def _setter(holder: ast.AST, name: str, value: object) -> Callable[[], None]:
    return lambda: setattr(holder, name, value)


def _function_sites(function: ast.FunctionDef) -> Iterator[_Site]:
    for slot in _slots(function):
        for old, new in _replacements(slot):
            text = f"`{ast.unparse(old)}` -> `{ast.unparse(new)}`"
            yield _Site(old.lineno, function.name, text, _putter(slot, new))
    for holder, name, number, statement in _yields(function):
        text = f"`{ast.unparse(statement)}` -> nothing"
        yield _Site(statement.lineno, function.name, text, _silencer(getattr(holder, name), number, statement))


def _putter(slot: _Slot, node: ast.expr) -> Callable[[], None]:
    return lambda: slot.put(node)


def _silencer(body: list[ast.stmt], number: int, statement: ast.stmt) -> Callable[[], None]:
    """The function stays a generator: one that yields nothing here."""

    def silence() -> None:
        body[number] = ast.If(test=ast.Constant(False), body=[statement], orelse=[])

    return silence


def _inner(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Every node of the function's body; those of functions in it are theirs."""
    pending: list[ast.AST] = list(reversed(function.body))
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.FunctionDef):
            pending += reversed(list(ast.iter_child_nodes(node)))


def _slots(function: ast.FunctionDef) -> Iterator[_Slot]:
    for node in _inner(function):
        if isinstance(node, ast.FunctionDef):
            continue
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                yield _Slot(node, name, None, value)
            elif isinstance(value, list):
                yield from (_Slot(node, name, at, item) for at, item in enumerate(value) if isinstance(item, ast.expr))


def _yields(function: ast.FunctionDef) -> Iterator[tuple[ast.AST, str, int, ast.stmt]]:
    for node in (function, *_inner(function)):
        if isinstance(node, ast.FunctionDef) and node is not function:
            continue
        for name in ("body", "orelse", "handlers"):
            body = getattr(node, name, None)
            for number, item in enumerate(body if isinstance(body, list) else ()):
                if isinstance(item, ast.Expr) and isinstance(item.value, ast.Yield | ast.YieldFrom):
                    yield node, name, number, item


def _replacements(slot: _Slot) -> Iterator[tuple[ast.expr, ast.expr]]:
    node = slot.node
    if slot.is_condition:
        yield node, ast.Constant(True)
        yield node, ast.Constant(False)
        yield node, ast.UnaryOp(ast.Not(), node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node, node.operand
    if isinstance(node, ast.BoolOp):
        for number in range(len(node.values)):
            left = [value for at, value in enumerate(node.values) if at != number]
            yield node, left[0] if len(left) == 1 else ast.BoolOp(node.op, left)
    if isinstance(node, ast.Compare):
        yield from _comparisons(node, is_condition=slot.is_condition)


def _comparisons(node: ast.Compare, *, is_condition: bool) -> Iterator[tuple[ast.expr, ast.expr]]:
    for number, operator in enumerate(node.ops):
        if not is_condition:
            yield node, _with_operator(node, number, _NEGATED[type(operator)]())
        border = _BORDER.get(type(operator))
        if border is not None:
            yield node, _with_operator(node, number, border())
        if isinstance(operator, ast.In | ast.NotIn | ast.Is | ast.IsNot):
            continue
        for at in (number, number + 1):
            operand = [node.left, *node.comparators][at]
            if _is_limit(operand):
                yield node, _with_operand(node, at, ast.BinOp(operand, ast.Add(), ast.Constant(1)))
                yield node, _with_operand(node, at, ast.BinOp(operand, ast.Sub(), ast.Constant(1)))


def _is_limit(node: ast.expr) -> bool:
    """A number, or a name of one."""
    if isinstance(node, ast.Name):
        return node.id.isupper() and node.id not in ("WASM", "EMPTY", "SKELETON", "WHOLE_CONFIG", "SKELETON_ARTIFACT")
    return isinstance(node, ast.Constant) and type(node.value) is int


def _with_operator(node: ast.Compare, number: int, operator: ast.cmpop) -> ast.Compare:
    changed = copy.copy(node)
    changed.ops = [*node.ops[:number], operator, *node.ops[number + 1 :]]
    return changed


def _with_operand(node: ast.Compare, number: int, operand: ast.expr) -> ast.Compare:
    operands = [node.left, *node.comparators]
    operands[number] = operand
    changed = copy.copy(node)
    changed.left, changed.comparators = operands[0], operands[1:]
    return changed
