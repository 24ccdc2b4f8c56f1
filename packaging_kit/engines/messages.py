"""What both engines say in the same way."""

from __future__ import annotations

from typing import Final

MAX_MESSAGE_SIZE: Final = 1000
"""Characters of a message; names of the binary are part of it."""
WASMTIME_HINT: Final = "`pip install wasmtime` installs `wasmtime`"


def shorten(text: str) -> str:
    """The beginning and the end: a long name is in the middle."""
    half = MAX_MESSAGE_SIZE // 2 - 1
    return text if len(text) <= MAX_MESSAGE_SIZE else f"{text[:half]} … {text[-half + 1 :]}"


def one_line(text: str, between: str = ": ") -> str:
    """The lines of a message as one, by default each as the reason of the one before; lists are closed up."""
    line = ""
    for part in text.splitlines():
        if line and part.strip():
            line += " " if part.startswith((" ", "]")) else between
        line += part.strip()
    return shorten(line)
