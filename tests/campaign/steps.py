"""Random steps on one layout, and a model of what has to be in it after each of them.

The model knows what packing a component gives from layouts of its own; everything else in it, and the walk over
what is reached, is written here a second time, over plain JSON.
"""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import packaging_kit
from packaging_kit import (
    ArchivePlace,
    Form,
    Input,
    LayoutPlace,
    Output,
    PackOptions,
    ReferrerChoice,
    Settings,
    StoreError,
)
from tests.campaign.flips import fast_folder
from tests.campaign.outcome import Outcome
from tests.strategies import component, custom, module, section

Json = Any
Entry = dict[str, Json]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
SKELETON_ARTIFACT = "application/vnd.packaging-kit.component.skeleton.v0"
SPLIT_INDEX = "application/vnd.packaging-kit.component.split.v0"
OWN = (SKELETON_ARTIFACT, SPLIT_INDEX)
REF_NAME = "org.opencontainers.image.ref.name"

TAGS = ("a", "b", "c", "d", "latest", "v1", "v1.0", "v2")
FIRST, SECOND, THIRD = (module(4096 + number, "step") for number in range(3))
INNER = component(section(1, FIRST), custom("inner", b"1"))
WHOLES = (
    module(300),
    component(custom("nothing", b"to split")),
    INNER,
    component(section(1, FIRST), section(1, SECOND)),
    component(section(4, INNER), section(1, SECOND), section(4, INNER)),
    component(section(4, component(section(4, INNER))), section(1, THIRD)),
    component(section(1, THIRD), custom("last", b"")),
)


def run(seed: int, *, full: bool, folder: Path) -> list[Outcome]:
    """Five thousand steps, or a hundred and fifty."""
    count = 5000 if full else 150
    with fast_folder(folder) as fast:
        steps = Steps(fast, Random(seed))
        for _ in range(count):
            steps.take()
        steps.sweep()
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(steps.taken.items()))
    result = (
        f"{kinds}; after each the index and what is reached were as a model has them, after each sweep nothing else"
    )
    return [Outcome(name="random steps on a layout", tried=count, result=result)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What packing one component gives.

    Attributes:
        data: the component.
        title: it was packed with.
        tagged: for each form, the entry of what the tag names, without the tag.
        untagged: for each form, the entries of its referrers.
    """

    data: bytes
    title: str
    tagged: Mapping[Form, Entry]
    untagged: Mapping[Form, tuple[Entry, ...]]

    @property
    def whole(self) -> Entry:
        return self.tagged[Form.WHOLE]


@dataclass(slots=True)
class Model:
    """What `index.json` has to hold."""

    tags: dict[str, tuple[Artifact, Entry]] = field(default_factory=dict)
    untagged: dict[str, tuple[Entry, str]] = field(default_factory=dict)  # by digest; with the digest of its subject

    def put(
        self,
        tag: str,
        artifact: Artifact,
        entry: Entry,
        added: Mapping[str, tuple[Entry, str]],
        without: Collection[str],
    ) -> None:
        before = self.tags.get(tag)
        self.tags[tag] = artifact, entry
        self.untagged |= added
        for digest in without:
            self.untagged.pop(digest, None)
        if before is not None:
            self._leave(before[1]["digest"], added)

    def untag(self, tag: str) -> None:
        _, entry = self.tags.pop(tag)
        self._leave(entry["digest"], ())

    def referrers(self, subject: str) -> dict[str, tuple[Entry, str]]:
        return {digest: known for digest, known in self.untagged.items() if known[1] == subject}

    def attached(self, subjects: set[str]) -> set[str]:
        """What refers to any of these, and to skeletons and split indexes that do."""
        found: set[str] = set()
        pending = set(subjects)
        while pending:
            for digest, (entry, _) in self.referrers(pending.pop()).items():
                found.add(digest)
                pending |= {digest} if entry["artifactType"] in OWN else set()
        return found

    def reached_from(self, tag: str) -> dict[str, tuple[Entry, str]]:
        """The referrers of what a tag names and of the whole artifact, which every form contains, and theirs."""
        artifact, entry = self.tags[tag]
        found: dict[str, tuple[Entry, str]] = {}
        pending = {entry["digest"], artifact.whole["digest"]}
        while pending:
            more = self.referrers(pending.pop())
            pending |= more.keys() - found.keys()
            found |= more
        return found

    def sweep(self) -> set[str]:
        """Leave only what is reached; the digests of the entries that go."""
        kept: dict[str, tuple[Entry, str]] = {}
        for tag in self.tags:
            kept |= self.reached_from(tag)
        gone = self.untagged.keys() - kept.keys()
        self.untagged = kept
        return gone

    def tags_of(self, digest: str) -> set[str]:
        return {tag for tag, (_, entry) in self.tags.items() if entry["digest"] == digest}

    def index(self) -> bytes:
        entries = [{**self.tags[tag][1], "annotations": {REF_NAME: tag}} for tag in sorted(self.tags)]
        entries += [self.untagged[digest][0] for digest in sorted(self.untagged)]
        return dump({"manifests": entries, "mediaType": INDEX, "schemaVersion": 2})

    def _leave(self, digest: str, added: Collection[str]) -> None:
        """What toolkits attached to something goes with its last tag."""
        if not self.tags_of(digest):
            for referrer, (entry, _) in self.referrers(digest).items():
                if entry["artifactType"] in OWN and referrer not in added:
                    del self.untagged[referrer]


class Steps:
    """The layout, its model, and everything that can be done to both."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.folder = folder
        self.random = random
        self.model = Model()
        self.taken: Counter[str] = Counter()
        self.layout = folder / "layout"
        self.archive = ArchivePlace(file=folder / "all.tar")
        self.artifacts = [learn(folder / "learn", data, "a.wasm") for data in WHOLES]
        self.artifacts.append(learn(folder / "learn", WHOLES[-1], "b.wasm"))
        self.pack()

    @property
    def place(self) -> LayoutPlace:
        return LayoutPlace(folder=self.layout)

    def at(self, tag: str) -> LayoutPlace:
        return LayoutPlace(folder=self.layout, tag=tag)

    def take(self) -> None:
        """One step, and what has to hold after every step."""
        kinds: dict[Callable[[], None], int] = {self.pack: 30, self.litter: 4}
        if self.model.tags:
            kinds |= {self.copy: 14, self.untag: 12, self.convert: 16, self.attach: 12, self.sweep: 8, self.travel: 4}
        step = self.random.choices(list(kinds), list(kinds.values()))[0]
        step()
        self.taken[step.__name__] += 1
        self.check()

    def pack(self) -> None:
        tag, artifact, form = self.random.choice(TAGS), self.random.choice(self.artifacts), self.random.choice([*Form])
        force = self.random.random() < 0.7
        entry = artifact.tagged[form]
        options = PackOptions(form=form, tag=tag, title=artifact.title, force=force)
        if not self._may_move(tag, entry, force):
            self._expect_refusal(lambda: pack(artifact.data, self.place, options))
            return
        pack(artifact.data, self.place, options)
        self.model.put(tag, artifact, entry, _of(artifact, form), ())

    def copy(self) -> None:
        source = self._choose_tag()
        artifact, entry = self.model.tags[source]
        of_the_same = [tag for tag, (known, _) in sorted(self.model.tags.items()) if known is artifact]
        tag = self.random.choice(of_the_same if self.random.random() < 0.4 else TAGS)
        force, referrers = self.random.random() < 0.7, self.random.random() < 0.5
        attached = self.model.reached_from(source) if referrers else {}

        def copy() -> object:
            return packaging_kit.copy(
                self.at(source), self.at(tag), Settings(), referrers=_choice(all_of_them=referrers), force=force
            )

        if not self._may_move(tag, entry, force):
            self._expect_refusal(copy)
            return
        copy()
        self.model.put(tag, artifact, entry, attached, ())

    def untag(self) -> None:
        tag = self._choose_tag()
        packaging_kit.untag(self.at(tag), Settings())
        self.model.untag(tag)

    def convert(self) -> None:
        tag, form = self._choose_tag(), self.random.choice([*Form])
        artifact, before = self.model.tags[tag]
        whole = artifact.whole["digest"]
        added = _of(artifact, form)
        referrers = self.model.referrers(whole)
        without: set[str] = set()
        if not self.model.tags_of(whole) - {tag}:
            without = {d for d, (entry, _) in referrers.items() if entry["artifactType"] in OWN} - added.keys()
        attached = self.model.attached({whole, before["digest"]})
        converted = packaging_kit.convert(self.at(tag), form, Settings())
        self.model.put(tag, artifact, artifact.tagged[form], added, without)
        kept = self.model.attached({whole, artifact.tagged[form]["digest"], *added})
        assert {entry.digest.value for entry in converted.kept} == kept
        assert {entry.digest.value for entry in converted.left} == attached - kept

    def attach(self) -> None:
        """Someone else signs something: writes a manifest with a subject, and an entry without a tag."""
        artifact, entry = self.model.tags[self._choose_tag()]
        subject = self.random.choice([artifact.whole, entry, *(known for known, _ in self.model.untagged.values())])
        value = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": "application/vnd.example.signature",
            "config": self._write(EMPTY, b"{}"),
            "layers": [self._write("application/octet-stream", self.random.randbytes(20))],
            "subject": {name: subject[name] for name in ("mediaType", "digest", "size")},
        }
        signature = {**self._write(MANIFEST, json.dumps(value).encode()), "artifactType": value["artifactType"]}
        self.model.untagged[signature["digest"]] = signature, subject["digest"]
        (self.layout / "index.json").write_bytes(self.model.index())

    def litter(self) -> None:
        """A writer is killed: a blob without a name, and a file that was being written."""
        self._write("", self.random.randbytes(30))
        (self.layout / "blobs" / "sha256" / f".pkit-{self.random.randrange(1 << 30)}-0").write_bytes(b"half")

    def travel(self) -> None:
        """All tags go into an archive and back into a new layout, with what refers to them or only our own."""
        referrers = self.random.random() < 0.7
        self.archive.file.unlink(missing_ok=True)
        packaging_kit.copy(
            self.place, self.archive, Settings(), every_tag=True, referrers=_choice(all_of_them=referrers)
        )
        shutil.rmtree(self.layout)
        packaging_kit.copy(
            self.archive, self.place, Settings(), every_tag=True, referrers=_choice(all_of_them=referrers)
        )
        self.model.sweep()
        if not referrers:
            self.model.untagged = {
                digest: (entry, subject)
                for digest, (entry, subject) in self.model.untagged.items()
                if entry["artifactType"] in OWN and self.model.tags_of(subject)
            }
        self.check_swept()

    def sweep(self) -> None:
        if not self.model.tags:
            self.pack()
        planned = packaging_kit.gc(self.place, dry_run=True)
        before = blobs(self.layout)
        swept = packaging_kit.gc(self.place)
        assert (planned.entries, planned.blobs, planned.kept) == (swept.entries, swept.blobs, swept.kept)
        assert {digest.value for digest in swept.entries} == self.model.sweep()
        assert {blob.digest.value for blob in swept.blobs} == before - blobs(self.layout)
        self.check_swept()

    def check(self) -> None:
        """The index is as the model has it, and what it leads to is there."""
        assert (self.layout / "index.json").read_bytes() == self.model.index()
        assert reached(self.layout) <= blobs(self.layout)
        if self.model.tags:
            self._check_tag(self._choose_tag())

    def check_swept(self) -> None:
        """Besides, there is nothing else, and nothing is damaged."""
        assert (self.layout / "index.json").read_bytes() == self.model.index()
        files = {path.relative_to(self.layout).as_posix() for path in self.layout.rglob("*") if path.is_file()}
        named = {f"blobs/{digest.replace(':', '/')}" for digest in reached(self.layout)}
        assert files == named | {"index.json", "oci-layout"}
        for tag in self.model.tags:
            self._check_tag(tag)
        found = packaging_kit.verify(self.place, Settings())
        assert (found.problems, found.unreferenced) == ((), ())

    def _check_tag(self, tag: str) -> None:
        assert unpack(self.at(tag)) == self.model.tags[tag][0].data, f"`{tag}` gives wrong bytes"

    def _choose_tag(self) -> str:
        return self.random.choice(sorted(self.model.tags))

    def _may_move(self, tag: str, entry: Entry, force: bool) -> bool:
        return force or tag not in self.model.tags or self.model.tags[tag][1]["digest"] == entry["digest"]

    def _expect_refusal(self, step: Callable[[], object]) -> None:
        try:
            step()
        except StoreError as exc:
            assert exc.code == "tag-exists"  # noqa: PT017 - any other step must not raise
        else:
            raise AssertionError("a tag moved without force")

    def _write(self, media_type: str, data: bytes) -> Entry:
        digest = sha256(data).hexdigest()
        (self.layout / "blobs" / "sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def learn(folder: Path, data: bytes, title: str) -> Artifact:
    """Pack into a layout of its own in each form, and look at the index."""
    tagged: dict[Form, Entry] = {}
    untagged: dict[Form, tuple[Entry, ...]] = {}
    for form in Form:
        pack(data, LayoutPlace(folder=folder), PackOptions(form=form, tag="x", title=title))
        first, *rest = json.loads((folder / "index.json").read_bytes())["manifests"]
        assert first.pop("annotations") == {REF_NAME: "x"}
        tagged[form], untagged[form] = first, tuple(rest)
        shutil.rmtree(folder)
    return Artifact(data=data, title=title, tagged=tagged, untagged=untagged)


def _of(artifact: Artifact, form: Form) -> dict[str, tuple[Entry, str]]:
    return {entry["digest"]: (entry, artifact.whole["digest"]) for entry in artifact.untagged[form]}


def pack(data: bytes, place: LayoutPlace, options: PackOptions) -> object:
    return packaging_kit.pack([Input(name="-", stream=io.BytesIO(data))], place, options, Settings())


def unpack(place: LayoutPlace) -> bytes:
    stream = io.BytesIO()
    packaging_kit.unpack(place, Output(name="-", stream=stream), Settings())
    return stream.getvalue()


def dump(value: Json) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def blobs(layout: Path) -> set[str]:
    """The digests that files in a layout are named by."""
    names = (path.name for path in (layout / "blobs" / "sha256").iterdir())
    return {f"sha256:{name}" for name in names if not name.startswith(".")}


def reached(layout: Path) -> set[str]:
    """All that the tags of a layout lead to, and what refers to it, by plain JSON."""
    entries = json.loads((layout / "index.json").read_bytes())["manifests"]
    found: set[str] = set()
    pending = [entry for entry in entries if "annotations" in entry]
    waiting = [entry for entry in entries if "annotations" not in entry]
    while pending:
        found |= {digest for entry in pending for digest in _content(layout, entry)}
        pending = [entry for entry in waiting if _document(layout, entry)["subject"]["digest"] in found]
        waiting = [entry for entry in waiting if entry not in pending]
    return found


def _content(layout: Path, entry: Entry) -> Iterator[str]:
    yield entry["digest"]
    if entry["mediaType"] in (MANIFEST, INDEX):
        document = _document(layout, entry)
        children: Iterable[Entry] = document.get("manifests") or [document["config"], *document["layers"]]
        for child in children:
            yield from _content(layout, child)


def _document(layout: Path, entry: Entry) -> Json:
    return json.loads((layout / "blobs" / entry["digest"].replace(":", "/")).read_bytes())


def _choice(*, all_of_them: bool) -> ReferrerChoice:
    return ReferrerChoice.ALL if all_of_them else ReferrerChoice.AUTO
