"""The protocol of engines, which judge a binary deeper than its framing, and what they are given."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from packaging_kit.fragments.exploded import Exploded, Fragment
from packaging_kit.wasm.preamble import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineIdentity:
    """Who judged: an answer "invalid" without the feature set is no answer.

    Attributes:
        name: `wasm-tools` or `wasmtime`.
        version: its own.
        features: proposals that were switched on or off, as they were given, `+name` and `-name` in order;
            empty for the defaults of that version.
    """

    name: str
    version: str
    features: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "version": self.version, "features": list(self.features)}


@dataclass(frozen=True, slots=True)
class Defect:
    """What an engine finds wrong.

    Attributes:
        message: its own words, on one line.
        offset: absolute, in the whole; `None` where it names none.
    """

    message: str
    offset: int | None


class Binary(Protocol):
    """A well framed binary: its bytes were hashed, and are read again piece by piece.

    Attributes:
        kind: core module or component.
        size: of the whole, in bytes.
        exploded: its canonical split; `None` for a core module.
    """

    @property
    @abstractmethod
    def kind(self) -> Kind: ...

    @property
    @abstractmethod
    def size(self) -> int: ...

    @property
    @abstractmethod
    def exploded(self) -> Exploded | None: ...

    @abstractmethod
    def iter_whole(self) -> Iterator[bytes]:
        """The whole's bytes, in pieces; the last step raises where they are no longer what they were.

        Raises:
            ContentError: `digest-mismatch`, `size-mismatch`.
            NotFoundError, UnavailableError: as the source of the bytes does.
        """

    @abstractmethod
    def iter_module(self, module: Fragment) -> Iterator[bytes]:
        """The bytes of one core module of `exploded`, likewise."""


class Engine(Protocol):
    """What judges binaries."""

    @property
    def reads_whole(self) -> bool:
        """Whether it takes `iter_whole` once, before it asks for anything else: it can judge what is being read."""
        return False

    @abstractmethod
    def identify(self) -> EngineIdentity:
        """Which engine it is.

        Raises:
            UnavailableError: `engine-missing`, `engine-failed`.
        """

    @abstractmethod
    def find_defects(self, binary: Binary) -> tuple[Defect, ...]:
        """What is wrong with a binary; nothing where it is valid.

        Raises:
            UnavailableError: `engine-missing`, `engine-timeout`, `engine-failed`: there is no verdict.
            ContentError, NotFoundError: as the binary's bytes do.
        """
