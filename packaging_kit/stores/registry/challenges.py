"""What a registry asks for: `WWW-Authenticate` (RFC 9110, 11.6.1), and scopes (distribution's token documents)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"[\s,]*({_TOKEN})(?:[ \t]+|(?=,|$))")
_PARAMETER = re.compile(rf"[\s,]*({_TOKEN})[ \t]*=[ \t]*(?:\"((?:[^\"\\]|\\.)*)\"|({_TOKEN}))")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to prove who one is.

    Attributes:
        scheme: in lower case, `basic` or `bearer` or another.
        parameters: by name in lower case; where one is repeated, all values divided by spaces.
    """

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(text: str) -> tuple[Challenge, ...]:
    """The challenges of a header; what can't be read ends the list."""
    return tuple(_iter_challenges(text))


def _iter_challenges(text: str) -> Iterator[Challenge]:
    position = 0
    while (scheme := _SCHEME.match(text, position)) is not None:
        position = scheme.end()
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(text, position)) is not None:
            position = parameter.end()
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
            known = parameters.get(name.lower())
            parameters[name.lower()] = value if known is None else f"{known} {value}"
        yield Challenge(scheme[1].lower(), parameters)


Scopes = frozenset[str]
"""What a token is for, as `repository:NAME:ACTIONS`."""


def scope_of(repository: str, *actions: str) -> Scopes:
    """The scope of these actions in one repository."""
    return frozenset((f"repository:{repository}:{','.join(actions)}",))
