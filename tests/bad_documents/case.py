"""A case: a sentence, what is validated, and exactly what has to be found in it, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from packaging_kit.blobs import BlobSource
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.media_types import IMAGE_MANIFEST
from packaging_kit.stores.memory import MemoryStore
from packaging_kit.validate.engine import Engine
from packaging_kit.validate.policy import Policy
from packaging_kit.validate.problem import Level, Problem
from packaging_kit.validate.report import Profile, Report
from packaging_kit.validate.upload import validate_binary, validate_upload


class Input(Protocol):
    """What can be validated."""

    def validate(self) -> Report: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload(Input):
    """A manifest or index, and all that `validate_upload` is told of it."""

    raw: bytes
    source: BlobSource = field(default_factory=MemoryStore)
    media_type: str = IMAGE_MANIFEST
    policy: Policy | None = None
    profile: Profile = Profile.CNCF
    engine: Engine | None = None
    tag: str | None = None
    referrers: tuple[Descriptor, ...] = ()
    entry: Descriptor | None = None

    def validate(self) -> Report:
        return validate_upload(
            self.raw,
            self.media_type,
            self.source,
            self.policy,
            profile=self.profile,
            engine=self.engine,
            tag=self.tag,
            referrers=self.referrers,
            entry=self.entry,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class File(Input):
    """A binary by itself."""

    data: bytes
    policy: Policy | None = None
    profile: Profile = Profile.CNCF
    engine: Engine | None = None

    def validate(self) -> Report:
        return validate_binary(self.data, self.policy, profile=self.profile, engine=self.engine)


class Found(NamedTuple):
    """A problem, as far as it is promised: message and hint are for people, but for the words in `says`.

    A line break in them stands for the end of the message.
    """

    code: str
    path: str
    part: str
    offset: int | None
    level: str
    says: str


def error(code: str, path: str = "", *, part: str = "manifest", offset: int | None = None, says: str = "") -> Found:
    return Found(code, path, part, offset, Level.ERROR.value, says)


def note(code: str, path: str = "", *, part: str = "manifest", offset: int | None = None, says: str = "") -> Found:
    return Found(code, path, part, offset, Level.NOTE.value, says)


class Case(NamedTuple):
    """One case.

    Attributes:
        name: a sentence.
        make: gives what is validated.
        finds: all that has to be found, in order.
    """

    name: str
    make: Callable[[], Input]
    finds: tuple[Found, ...]

    def miss(self) -> str | None:
        """What was found in place of what should have been; `None` where it is that."""
        report = self.make().validate()
        found = [describe(problem, wanted) for problem, wanted in _pairs(report.problems, self.finds)]
        if tuple(found) == self.finds and not report.unlisted:
            return None
        listed = "\n".join(
            f"    {problem.level.value} {problem.code} {problem.where}: {problem.message}"
            for problem in report.problems[:20]
        )
        wanted = "\n".join(f"    {each}" for each in self.finds[:20])
        return f"found, with {report.unlisted} more:\n{listed}\nnot:\n{wanted}"


def case(name: str, make: Callable[[], Input], *finds: Found) -> Case:
    return Case(name, make, finds)


def describe(problem: Problem, wanted: Found | None) -> Found:
    """A problem as it is compared: of its message and hint only the words that are wanted."""
    text = f"{problem.message}\n{problem.hint}"
    said = "" if wanted is None or wanted.says not in text else wanted.says
    where = problem.where
    return Found(problem.code, where.json_path, where.part, where.offset, problem.level.value, said)


def _pairs(problems: tuple[Problem, ...], finds: tuple[Found, ...]) -> list[tuple[Problem, Found | None]]:
    return [(problem, finds[number] if number < len(finds) else None) for number, problem in enumerate(problems)]
