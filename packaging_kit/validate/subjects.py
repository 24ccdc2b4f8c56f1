"""What the rules on Wasm artifacts look at: a manifest beside the binary, a config beside both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging_kit.validate.binaries import BinaryFacts
from packaging_kit.validate.values import DocumentValue


@dataclass(frozen=True, slots=True)
class ArtifactSubject:
    """The manifest of a Wasm artifact.

    Attributes:
        manifest: as it is.
        facts: of its one layer; `None` where there is none that could be read.
    """

    manifest: DocumentValue
    facts: BinaryFacts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSubject:
    """The config of a Wasm artifact.

    Attributes:
        config: its members.
        layers: digests that the manifest names, in order; `None` where it has not one layer with a digest.
        facts: of its one layer; `None` where there is none that could be read.
    """

    config: Mapping[str, Any]
    layers: tuple[str, ...] | None
    facts: BinaryFacts | None

    @property
    def component(self) -> Mapping[str, Any] | None:
        """The field `component`, where it is an object."""
        found = self.config.get("component")
        return found if isinstance(found, dict) else None

    def names(self, field: str) -> tuple[str, ...] | None:
        """`imports` or `exports` as the config states them; `None` where it does not."""
        found = None if self.component is None else self.component.get(field)
        is_stated = isinstance(found, list) and all(isinstance(name, str) for name in found)
        return tuple(found) if is_stated and found is not None else None
