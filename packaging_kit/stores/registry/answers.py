"""Reading answers: never more than was agreed, and errors as the registry words them."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPException
from typing import Final, NoReturn
from urllib.parse import urlsplit

import requests
import urllib3

from packaging_kit.document import parse_json
from packaging_kit.errors import Answer, DocumentError, NotFoundError, RegistryError
from packaging_kit.limits import KIB, MAX_ERROR_ANSWER_SIZE, MAX_HEADERS_SIZE

PIECE: Final = 64 * KIB
"""Bytes that are read from a connection at a time."""

BROKEN: Final = (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError)
"""What says that a connection broke: each library on the way has its own."""

_MOST_CODES = 5
_CODE_SIZE = 64


class BrokenError(RegistryError):
    """A connection that broke, or an answer that was cut off: another try may go well."""


def given_up(exc: BrokenError) -> RegistryError:
    """The same, of what had its tries and is not to be tried again by anybody."""
    code = "registry-timeout" if exc.code == "registry-timeout" else "registry-unreachable"
    return RegistryError(code, exc.message, answer=exc.answer, hint=exc.hint)


def answer_of(response: requests.Response, codes: tuple[str, ...] = ()) -> Answer:
    """What an answer was, for an error."""
    request = response.request
    path = urlsplit(str(request.url)).path
    return Answer(method=str(request.method), path=path, status=response.status_code, registry_codes=codes)


def invalid(response: requests.Response, message: str) -> RegistryError:
    """An answer that no registry may give."""
    return RegistryError("registry-answer-invalid", message, answer=answer_of(response))


def read_pieces(response: requests.Response, size: int = PIECE) -> Iterator[bytes]:
    """The bytes of an answer as they come, at most `size` at a time.

    Raises:
        BrokenError: `registry-unreachable`, where it was cut off.
    """
    try:
        while piece := response.raw.read(size, decode_content=False):
            yield piece
    except BROKEN as exc:
        raise BrokenError(
            "registry-unreachable", f"the answer was cut off: {reason_of(exc)}", answer=answer_of(response)
        ) from cause_of(exc)
    finally:
        # At its end the connection is back in the pool already, and this does nothing.
        response.close()


def read_limited(response: requests.Response, most: int) -> bytes:
    """The whole of a small answer.

    Raises:
        RegistryError: `registry-answer-too-large`.
        BrokenError: `registry-unreachable`.
    """
    pieces, size = [], 0
    for piece in read_pieces(response):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            response.close()
            raise RegistryError(
                "registry-answer-too-large", f"the answer has more than {most} bytes", answer=answer_of(response)
            )
    return b"".join(pieces)


def discard(response: requests.Response) -> None:
    """Take what is left of an answer that nobody needs, so that the connection can be used again."""
    try:
        read_limited(response, PIECE)
    except RegistryError:
        response.close()


def check_headers(response: requests.Response) -> None:
    """Refuse headers larger than anyone needs, and a body in a form that was not asked for.

    Raises:
        RegistryError: `registry-answer-too-large`, `registry-answer-invalid`.
    """
    size = sum(len(name) + len(value) + 4 for name, value in response.headers.items())
    if size > MAX_HEADERS_SIZE:
        response.close()
        raise RegistryError("registry-answer-too-large", f"the headers have {size} bytes", answer=answer_of(response))
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", "") and response.status_code in (200, 206):
        response.close()
        raise invalid(response, f"the body is coded as `{coding[:40]}`, which was not asked for")


def refuse(response: requests.Response, what: str, *, host: str, had_credential: bool) -> NoReturn:
    """Raise what an answer with an error comes to; reads its body.

    Args:
        what: was asked for, as `the blob sha256:…`.
        host: the registry's, whoever it was that answered.
        had_credential: one was known for this registry.

    Raises:
        NotFoundError: `not-found`.
        RegistryError: `registry-unauthorized`, `registry-denied`, `registry-refused`, `registry-failed`.
    """
    status = response.status_code
    codes, message = _read_errors(response)
    answer = answer_of(response, codes)
    said = f": {message}" if message else ""
    if status == 404:
        hint = (
            f"the repository may be missing, or private: `packaging-kit login {host}`" if not had_credential else None
        )
        raise NotFoundError("not-found", f"{what} is not there", hint=hint, answer=answer)
    if status == 401:
        hint = "the credential was not taken" if had_credential else f"`packaging-kit login {host}`"
        raise RegistryError(
            "registry-unauthorized", f"the registry wants to know who asks{said}", answer=answer, hint=hint
        )
    if status == 403:
        hint = None if had_credential else f"`packaging-kit login {host}`"
        raise RegistryError("registry-denied", f"not allowed{said}", answer=answer, hint=hint)
    if status == 400 and b"HTTPS server" in message.encode():
        raise RegistryError("registry-refused", "it speaks https", answer=answer, hint="without `--plain-http`")
    if 300 <= status < 500 and status not in (408, 429):
        hint = "the registry does not take this name" if "NAME_INVALID" in codes else None
        raise RegistryError("registry-refused", f"{what} was refused{said}", answer=answer, hint=hint)
    hint = "it asks for a longer wait" if status == 429 else None
    raise RegistryError("registry-failed", f"the registry failed{said}", answer=answer, hint=hint)


def _read_errors(response: requests.Response) -> tuple[tuple[str, ...], str]:
    """The codes of an error document, and its first message; of a text, the text itself."""
    if response.request.method == "HEAD":
        response.close()
        return (), ""
    try:
        raw = read_limited(response, MAX_ERROR_ANSWER_SIZE)
    except RegistryError:
        return (), ""
    try:
        document = parse_json(raw)
    except DocumentError:
        return (), raw[:200].decode(errors="replace").strip()
    errors = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(errors, list):
        return (), ""
    found = [error for error in errors if isinstance(error, dict)][:_MOST_CODES]
    codes = tuple(str(error["code"])[:_CODE_SIZE] for error in found if isinstance(error.get("code"), str))
    messages = [error["message"][:200] for error in found if isinstance(error.get("message"), str)]
    return codes, messages[0] if messages else ""


def reason_of(exc: BaseException) -> str:
    """Why a connection broke, in a few words and without addresses of objects."""
    exc = cause_of(exc)
    text = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
    return str(text).rpartition(">: ")[2][:200].lower()


def cause_of(exc: BaseException) -> BaseException:
    """The innermost exception: `requests` and `urllib3` put several around it."""
    seen = 0
    while seen < 10:
        inner = getattr(exc, "reason", None) or exc.__cause__ or exc.__context__ or _first_argument(exc)
        if not isinstance(inner, BaseException):
            break
        exc, seen = inner, seen + 1
    return exc


def _first_argument(exc: BaseException) -> object:
    """Where `requests` and `urllib3` keep what they caught."""
    inner = [argument for argument in exc.args if isinstance(argument, BaseException)]
    return inner[0] if inner else None
