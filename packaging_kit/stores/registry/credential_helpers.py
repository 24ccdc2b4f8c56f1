"""Helper programs that keep credentials (github.com/docker/docker-credential-helpers).

`docker-credential-NAME get|store|erase` reads the registry's name, or what to store, from its standard input and
answers on its standard output. Nothing secret is ever an argument, and nothing that a helper says is passed on.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, cast

from packaging_kit.document import parse_json
from packaging_kit.errors import DocumentError, UnavailableError
from packaging_kit.limits import KIB

MAX_ANSWER_SIZE: Final = 64 * KIB
TIME_LIMIT: Final = 30.0
"""Seconds that a helper may take."""
TOKEN_USER: Final = "<token>"
"""The user that says that the secret is an identity token."""

_GRACE = 1.0  # seconds for pipes to break once a helper is killed
_NOTHING = b"credentials not found in native keychain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """One helper program.

    Attributes:
        name: the end of the program's name.
        path: folders where it is looked for, as the environment variable has them.
        environment: that it runs in.
        time_limit: seconds that it may take.

    Raises:
        UnavailableError: `credential-helper-failed` from every method.
    """

    name: str
    path: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    time_limit: float = TIME_LIMIT

    @property
    def program(self) -> str:
        return f"docker-credential-{self.name}"

    def get(self, server: str) -> tuple[str, str] | None:
        """User and secret; `None` where it has none."""
        status, output = self._run("get", server.encode())
        if output.strip() == _NOTHING:
            return None
        self._check(status)
        fields = _parse(output)
        if not isinstance(fields, dict):
            raise self._failed("gave an answer that is no JSON object")
        user, secret = fields.get("Username"), fields.get("Secret")
        if not isinstance(user, str) or not isinstance(secret, str):
            raise self._failed("gave an answer without a user or a secret")
        return (user, secret) if user or secret else None  # as some say that they have none

    def store(self, server: str, user: str, secret: str) -> None:
        """Have it keep a secret."""
        status, _ = self._run("store", json.dumps({"ServerURL": server, "Username": user, "Secret": secret}).encode())
        self._check(status)

    def erase(self, server: str) -> None:
        """Have it forget; no error where it had nothing."""
        status, output = self._run("erase", server.encode())
        if output.strip() != _NOTHING:
            self._check(status)

    def _check(self, status: int) -> None:
        if status != 0:
            raise self._failed(f"ended with status {status}")

    def _run(self, action: str, given: bytes) -> tuple[int, bytes]:
        """Status and output of one call."""
        try:
            process = subprocess.Popen(
                [self._find(), action],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PATH": self.path, **self.environment},
                start_new_session=True,  # so that all that it starts can be ended
            )
        except OSError as exc:
            raise self._failed("does not start") from exc
        conversation = _Conversation(process, given)
        try:
            conversation.start()
            return self._end_of(process, conversation), bytes(conversation.output)
        except BaseException:
            _kill(process)
            conversation.join(_GRACE)
            raise

    def _end_of(self, process: subprocess.Popen[bytes], conversation: _Conversation) -> int:
        deadline = time.monotonic() + self.time_limit
        conversation.join(self.time_limit)
        if len(conversation.output) > MAX_ANSWER_SIZE:
            raise self._failed(f"gave more than {MAX_ANSWER_SIZE} bytes")
        try:
            status = process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            status = None
        if status is None or conversation.is_alive():
            raise self._failed(f"did not end within {self.time_limit:g} seconds")
        return status

    def _find(self) -> str:
        # A relative folder on PATH, or an empty one, would run what lies about in the working directory.
        folders = [folder for folder in self.path.split(os.pathsep) if Path(folder).is_absolute()]
        found = shutil.which(self.program, path=os.pathsep.join(folders))
        if found is None or not Path(found).is_absolute():
            hint = f"install `{self.program}`, or take it out of the file that names it"
            raise self._failed("is not on PATH", hint=hint)
        return found

    def _failed(self, what: str, *, hint: str | None = None) -> UnavailableError:
        return UnavailableError("credential-helper-failed", f"the credential helper `{self.program}` {what}", hint=hint)


class _Conversation(threading.Thread):
    """Hands a process its input and takes its output, up to the limit; a thread, since pipes know no time limit."""

    def __init__(self, process: subprocess.Popen[bytes], given: bytes) -> None:
        super().__init__(daemon=True)
        self._stdin = cast("IO[bytes]", process.stdin)
        self._stdout = cast("IO[bytes]", process.stdout)
        self._given = given
        self.output = bytearray()

    def run(self) -> None:
        try:
            with self._stdin:
                self._stdin.write(self._given)
        except OSError:
            pass  # it does not want to know; what it answers counts
        with self._stdout:
            while len(self.output) <= MAX_ANSWER_SIZE and (chunk := self._stdout.read(KIB)):
                self.output += chunk


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a helper and all that it started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _parse(output: bytes) -> Any:
    try:
        return parse_json(output)
    except DocumentError:
        return None  # not passed on: what it says, and what it was raised from, may quote the secret
