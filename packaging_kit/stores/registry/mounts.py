"""Where blobs were seen: what was sent to one repository need not be sent to its neighbour.

A registry mounts a blob from another of its repositories only when it is told which. What is remembered here may be
wrong by the time it is used: then the blob is sent as if nothing had been said.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from packaging_kit.digest import Digest
from packaging_kit.limits import MIB
from packaging_kit.stores.locks import close

_MOST_BYTES: Final = 4 * MIB
_MOST_FOR_A_BLOB = 1  # each that fails costs a request
_LINE = re.compile(
    r"(?P<host>[^\s/]{1,255}) (?P<repository>[a-z0-9._/-]{1,255}) (?P<digest>sha(?:256|512):[0-9a-f]{64,128})"
)


class MountHints:
    """Which repositories of a registry were seen to hold a blob; kept in a file between runs.

    Args:
        file: `None` where nothing is kept.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], list[str]] | None = None
        self._fresh: list[str] = []

    def find(self, host: str, digest: Digest) -> tuple[str, ...]:
        """Repositories that held the blob, the last one first."""
        with self._lock:
            known = self._load().get((host, digest.value), [])
            return tuple(reversed(known[-_MOST_FOR_A_BLOB:]))

    def add(self, host: str, repository: str, digests: Iterable[Digest]) -> None:
        """Remember where these blobs are; kept when `save` is called."""
        with self._lock:
            for digest in digests:
                known = self._load().setdefault((host, digest.value), [])
                if repository not in known:
                    known.append(repository)
                    self._fresh.append(f"{host} {repository} {digest}\n")

    def save(self) -> None:
        """Keep what is new. Where that can't be done nothing is lost but time, and nobody is told."""
        with self._lock:
            text, self._fresh = "".join(self._fresh), []
        if self._file is None or not text:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
            if self._size() > _MOST_BYTES:
                flags |= os.O_TRUNC  # what is still of use is seen again
            handle = os.open(self._file, flags, 0o600)
            try:
                os.write(handle, text.encode())  # at once: others append too
            finally:
                close(handle)
        except OSError:
            return

    def _size(self) -> int:
        return self._file.stat().st_size if self._file is not None and self._file.exists() else 0

    def _load(self) -> dict[tuple[str, str], list[str]]:
        if self._known is None:
            self._known = {}
            for line in self._read().splitlines():
                found = _LINE.fullmatch(line)
                if found is not None:
                    known = self._known.setdefault((found["host"], found["digest"]), [])
                    if found["repository"] not in known:
                        known.append(found["repository"])
        return self._known

    def _read(self) -> str:
        if self._file is None:
            return ""
        try:
            if not self._file.is_file() or self._size() > 2 * _MOST_BYTES:
                return ""
            return self._file.read_text("ascii", "replace")
        except OSError:
            return ""
