"""Reports: what one validation came to, as a value and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.validate.engine import EngineIdentity
from packaging_kit.validate.problem import Level, Problem


class Profile(Enum):
    """Which rules apply (docs/rules.md, "Profiles")."""

    CNCF = "cncf"
    SPLIT = "split"
    LENIENT = "lenient"
    OCI = "oci"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBinary:
    """One binary that was looked at.

    Attributes:
        kind: `component`, `wit-package` or `module`.
        whole: digest and size.
        root: of the canonical split.
        manifest: digest of the whole artifact's manifest; `None` for a file.
    """

    kind: str
    whole: Blob
    root: Digest
    manifest: Digest | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "digest": self.whole.digest.value,
            "size": self.whole.size,
            "root": self.root.value,
            "manifest": None if self.manifest is None else self.manifest.value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a validation came to.

    Attributes:
        subject: the place or file as it was named; empty where it has no name.
        profile: which rules applied.
        media_type: of what was validated.
        digest: of the manifest, index or file; `None` where it was not read.
        engine: what judges deep validity of the binaries; `None` for nothing.
        binaries: those that could be read through, in the order in which they were met.
        problems: document by document, and rule by rule in each; errors before notes, where not all are listed.
        unlisted: further problems, which are not listed; of what one rule finds in one document, at most one.
    """

    subject: str
    profile: Profile
    media_type: str
    digest: Digest | None
    engine: EngineIdentity | None
    binaries: tuple[CheckedBinary, ...]
    problems: tuple[Problem, ...]
    unlisted: int = 0

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.level is Level.ERROR)

    @property
    def notes(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.level is Level.NOTE)

    @property
    def is_clean(self) -> bool:
        """Nothing was found that fails; notes don't, and an error is listed before any note is."""
        return not self.errors

    def to_json(self) -> dict[str, Any]:
        """The schema `report`."""
        return {
            "subject": self.subject,
            "clean": self.is_clean,
            "profile": self.profile.value,
            "media_type": self.media_type,
            "digest": None if self.digest is None else self.digest.value,
            "engine": None if self.engine is None else self.engine.to_json(),
            "binaries": [binary.to_json() for binary in self.binaries],
            "problems": [problem.to_json() for problem in self.problems],
            "unlisted": self.unlisted,
        }
