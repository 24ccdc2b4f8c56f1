"""The syntax of SPDX license expressions (SPDX 2.3, Annex D), without the list of licenses."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import Enum, auto
from typing import Final

MAX_EXPRESSION_SIZE: Final = 100_000
"""Characters of an expression that is looked at: those of real ones fit on a page, and millions take seconds."""

_TOKEN = re.compile(r"[()]|[^\s()]+")
_LICENSE = re.compile(
    r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+"
    r"|(?!LicenseRef-|DocumentRef-)[A-Za-z0-9][A-Za-z0-9.-]*\+?"
)
_EXCEPTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_OPERATORS = frozenset(("AND", "OR", "WITH"))


class _Expect(Enum):
    LICENSE = auto()
    EXCEPTION = auto()
    OPERATOR_OR_WITH = auto()
    OPERATOR = auto()


def is_license_expression(text: str) -> bool:
    """Whether `text` has the form of a license expression; operators are upper case, as SPDX 2.3 asks for.

    One of more than `MAX_EXPRESSION_SIZE` characters has it not.
    """
    if len(text) > MAX_EXPRESSION_SIZE:
        return False
    expect = _Expect.LICENSE
    open_parentheses = 0
    for token in _TOKEN.findall(text):
        match expect, token:
            case _Expect.LICENSE, "(":
                open_parentheses += 1
            case _Expect.LICENSE, name if name not in _OPERATORS and _LICENSE.fullmatch(name):
                expect = _Expect.OPERATOR_OR_WITH
            case _Expect.EXCEPTION, name if name not in _OPERATORS and _EXCEPTION.fullmatch(name):
                expect = _Expect.OPERATOR
            case _Expect.OPERATOR_OR_WITH, "WITH":
                expect = _Expect.EXCEPTION
            case ((_Expect.OPERATOR | _Expect.OPERATOR_OR_WITH), ("AND" | "OR")):
                expect = _Expect.LICENSE
            case ((_Expect.OPERATOR | _Expect.OPERATOR_OR_WITH), ")") if open_parentheses:
                open_parentheses -= 1
                expect = _Expect.OPERATOR
            case _:
                return False
    return expect in (_Expect.OPERATOR, _Expect.OPERATOR_OR_WITH) and not open_parentheses


def is_license_allowed(text: str, allowed: Collection[str]) -> bool:
    """Whether a license expression can be met with licenses of `allowed` alone.

    `OR` leaves a choice, `AND` does not. An exception only permits more, so `X WITH Y` is allowed where `X` is; an
    entry `X WITH Y` allows just that. Identifiers are the same in upper and lower case, operators are not (SPDX 2.3,
    Annex D.2). What has not the form of a license expression is not allowed.
    """
    if not is_license_expression(text):
        return False
    names = frozenset(name.lower() for name in allowed)
    values: list[bool] = []
    operators: list[str] = []
    tokens = _TOKEN.findall(text)
    for number, token in enumerate(tokens):
        previous = tokens[number - 1] if number else ""
        if token == "(":
            operators.append(token)
        elif token == ")":
            _reduce(values, operators, until="(")
            operators.pop()
        elif token in ("AND", "OR"):
            _reduce(values, operators, until="(" if token == "OR" else "OR")
            operators.append(token)
        elif previous == "WITH":
            license_ = tokens[number - 2]
            values[-1] = values[-1] or f"{license_} with {token}".lower() in names
        elif token != "WITH":
            values.append(token.lower() in names)
    _reduce(values, operators, until="(")
    return values[-1]


def _reduce(values: list[bool], operators: list[str], *, until: str) -> None:
    """Apply what binds at least as strongly as what comes next: `AND` does more than `OR`."""
    while operators and operators[-1] not in ("(", until):
        right, left = values.pop(), values.pop()
        values.append((left and right) if operators.pop() == "AND" else (left or right))
