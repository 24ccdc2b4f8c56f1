"""The groups of figures, in the order in which they are measured and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from bench.figure import Figure
from bench.groups.hostile import linear, refusals, sections, towers
from bench.groups.memory import memory
from bench.groups.registry import registry
from bench.groups.startup import startup
from bench.groups.stores import ranges, small
from bench.groups.throughput import digest, forms, whole
from bench.groups.validation import validation
from bench.setup import Setup

GROUPS: Final[Mapping[str, Callable[[Setup], Iterator[Figure]]]] = MappingProxyType(
    {
        "digest": digest,
        "whole": whole,
        "forms": forms,
        "memory": memory,
        "startup": startup,
        "small": small,
        "ranges": ranges,
        "registry": registry,
        "validation": validation,
        "towers": towers,
        "sections": sections,
        "refusals": refusals,
        "linear": linear,
    }
)
