"""Passwords and tokens: from standard input, or typed at a terminal; never from the arguments, which others can see."""

from __future__ import annotations

import sys

import typer

from packaging_kit.errors import RequestError, UnavailableError
from packaging_kit.limits import KIB

_MOST = 64 * KIB


def read_password() -> str:
    """All of standard input but the end of its line.

    Raises:
        RequestError: `credential-incomplete`, `text-invalid`.
        UnavailableError: `io-error`.
    """
    if sys.stdin is None:
        raise UnavailableError("io-error", "standard input is closed")
    try:
        raw = sys.stdin.buffer.read(_MOST + 1)
    except OSError as exc:
        raise UnavailableError("io-error", f"standard input: {(exc.strerror or str(exc)).lower()}") from exc
    if len(raw) > _MOST:
        raise RequestError("credential-incomplete", f"a password of more than {_MOST} bytes is none")
    try:
        password = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        # Not passed on: it quotes the secret.
        raise RequestError("text-invalid", "the password is not valid UTF-8") from None
    if not password:
        raise RequestError("credential-incomplete", "standard input holds no password")
    return password


def ask_username() -> str:
    """The user, typed at a terminal.

    Raises:
        RequestError: `credential-incomplete`, where there is no terminal.
    """
    _check_terminal("the user is not said", "`--username USER`")
    name: str = typer.prompt("Username", err=True)
    return name


def ask_password(what: str) -> str:
    """A secret, typed at a terminal that does not show it.

    Raises:
        RequestError: `credential-incomplete`, where there is no terminal.
    """
    _check_terminal(f"there is no terminal to type the {what.lower()} at", "`--password-stdin`")
    secret: str = typer.prompt(what, err=True, hide_input=True)
    return secret


def _check_terminal(message: str, hint: str) -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise RequestError("credential-incomplete", message, hint=hint)
