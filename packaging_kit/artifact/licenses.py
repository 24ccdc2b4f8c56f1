"""The syntax of SPDX license expressions (SPDX 2.3, Annex D), without the list of licenses."""

from __future__ import annotations

import re
from enum import Enum, auto

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
    """Whether `text` has the form of a license expression; operators are upper case, as SPDX 2.3 asks for."""
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
