"""What the environment says, as one value; only the command line makes it from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging_kit.stores.registry.options import RegistryOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of a run.

    Attributes:
        temporary: folder for temporary files; `None` for the one that the operating system names.
        registry: how registries are talked to; `None` for the defaults, without any credential.
    """

    temporary: Path | None = None
    registry: RegistryOptions | None = None


def side_by_side(settings: Settings) -> int:
    """How many transfers go on at a time between this machine and a registry."""
    return 8 if settings.registry is None else settings.registry.side_by_side
