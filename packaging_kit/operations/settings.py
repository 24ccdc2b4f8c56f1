"""What the environment says, as one value; only the command line makes it from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of a run.

    Attributes:
        temporary: folder for temporary files; `None` for the one that the operating system names.
    """

    temporary: Path | None = None
