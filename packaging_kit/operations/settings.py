"""What the environment says, as one value; only the command line makes it from the environment."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of a run.

    Attributes:
        temporary: folder for temporary files.
    """

    temporary: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
