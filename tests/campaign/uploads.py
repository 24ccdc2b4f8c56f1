"""Uploads that are nearly right: those of the fixtures, with changes that `Random` chooses.

Half of them get past the digests: what names a changed blob is made to name it as it is, and so on upwards.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

from packaging_kit.digest import Digest
from packaging_kit.document import dump_json
from packaging_kit.errors import NotFoundError
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.media_types import (
    EMPTY,
    IMAGE_MANIFEST,
    REF_NAME,
    SKELETON,
    SKELETON_ARTIFACT,
    WASM,
    WASM_CONFIG,
    WHOLE_CONFIG,
    WHOLE_MANIFEST,
)
from packaging_kit.oci.repository import DocumentSource
from packaging_kit.oci.wasm_config import EPOCH
from packaging_kit.wasm.preamble import MAGIC
from tests.campaign.mutation import mutate
from tests.conftest import FIXTURES, VECTORS

Json = Any

_MOST_RENAMED: Final = 100  # what names itself, since it was changed, has no end
_RARE: Final = 0.002
"""How often something is made that is large, and so takes long."""


@dataclass(frozen=True, slots=True)
class Blobs(DocumentSource):
    """Blobs by digests that they need not have: what a hostile store may hold."""

    held: Mapping[str, bytes]

    def blob_size(self, digest: Digest) -> int:
        return len(self._get(digest))

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        yield self._get(digest)[start:end]

    def _get(self, digest: Digest) -> bytes:
        if digest.value not in self.held:
            raise NotFoundError("not-found", f"the blob {digest} is not there")
        return self.held[digest.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What is validated: a document with all that it names, or a binary by itself.

    Attributes:
        name: of the fixture.
        top: the document or binary.
        media_type: of the document; empty for a binary.
        blobs: by digest.
        referrers: what refers to the document.
    """

    name: str
    top: bytes
    media_type: str = ""
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    referrers: tuple[Descriptor, ...] = ()


@cache
def corpus() -> tuple[tuple[Upload, ...], ...]:
    """Every layout of the fixtures, the skeletons of the vectors as parts of artifacts, and every binary."""
    return tuple(_iter_layouts()), tuple(_iter_skeletons()), tuple(_iter_binaries())


def choose(random: Random) -> Upload:
    """One of the corpus; most rules are about what is in layouts."""
    (kind,) = random.choices(corpus(), (6, 2, 3))
    return random.choice(kind)


def _iter_layouts() -> Iterator[Upload]:
    for index in sorted((VECTORS / "oci").glob("*/*/index.json")):
        blobs = _read_blobs(index.parent)
        entries = [Descriptor.from_json(Fields(entry)) for entry in json.loads(index.read_bytes())["manifests"]]
        referrers = tuple(entry for entry in entries if REF_NAME not in entry.annotations)
        for entry in entries:
            name = f"{index.parent.relative_to(VECTORS)} {entry.artifact_type or entry.media_type}"
            known = referrers if entry not in referrers else ()
            top = blobs[entry.digest.value]
            yield Upload(name=name, top=top, media_type=entry.media_type, blobs=blobs, referrers=known)


def _iter_skeletons() -> Iterator[Upload]:
    for root_file in sorted((VECTORS / "skeletons").glob("*/root")):
        folder = root_file.parent
        yield _skeleton_artifact(folder.name, root_file.read_text().strip(), _read_blobs(folder))
    for file in sorted(VECTORS.glob("*.skeleton")):
        root = file.read_bytes()
        yield _skeleton_artifact(file.name, Digest.of(root).value, {Digest.of(root).value: root})


def _skeleton_artifact(name: str, root: str, blobs: Mapping[str, bytes]) -> Upload:
    held = dict(blobs)

    def add(data: bytes, media_type: str) -> Json:
        digest = Digest.of(data).value
        held[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    layer = {"mediaType": WASM, "digest": Digest.of(b"").value, "size": 0}
    described: Json = {"exports": [], "imports": [], "target": None}
    config = {"created": EPOCH, "architecture": "wasm", "os": "wasip2", "layerDigests": [layer["digest"]]}
    whole_config = add(dump_json({**config, "component": described}), WHOLE_CONFIG)
    whole = add(_manifest(config=whole_config | {"mediaType": WASM_CONFIG}, layers=[layer]), WHOLE_MANIFEST)
    skeleton = {"mediaType": SKELETON, "digest": root, "size": len(held.get(root, b""))}
    layers = [skeleton, whole_config, whole]
    top = _manifest(config=add(b"{}", EMPTY), layers=layers, artifactType=SKELETON_ARTIFACT)
    return Upload(name=name, top=top, media_type=IMAGE_MANIFEST, blobs=held)


def _manifest(**fields: Json) -> bytes:
    return dump_json({"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, **fields})


def _read_blobs(folder: Path) -> dict[str, bytes]:
    return {f"sha256:{path.name}": path.read_bytes() for path in sorted((folder / "blobs" / "sha256").iterdir())}


def _iter_binaries() -> Iterator[Upload]:
    seen = set()
    for path in sorted((*FIXTURES.rglob("*.wasm"), *FIXTURES.rglob("*.bad"), *FIXTURES.rglob("*.skeleton"))):
        if (data := path.read_bytes()) not in seen:
            seen.add(data)
            yield Upload(name=path.relative_to(FIXTURES).as_posix(), top=data)


@cache
def _binaries() -> tuple[bytes, ...]:
    return tuple(upload.top for upload in corpus()[-1])


@cache
def _documents() -> tuple[bytes, ...]:
    found = (data for kind in corpus() for upload in kind for data in (upload.top, *upload.blobs.values()))
    return tuple(dict.fromkeys(data for data in found if data.startswith(b'{"')))


def change(random: Random, upload: Upload) -> Upload:
    """An upload with one or two of its parts changed."""
    for _ in range(random.choice((1, 1, 1, 2))):
        upload = _change_part(random, upload)
    return upload


def _change_part(random: Random, upload: Upload) -> Upload:
    # Documents are what most rules are about, and the top one leads to all others.
    digest = random.choice([None, *upload.blobs])
    old = upload.top if digest is None else upload.blobs[digest]
    new = change_bytes(random, old)
    if digest is None:
        return replace(upload, top=new)
    if random.random() < 0.03:
        return replace(upload, blobs={name: data for name, data in upload.blobs.items() if name != digest})
    if random.random() < 0.5:
        return replace(upload, blobs={**upload.blobs, digest: new})
    return rename(upload, digest, new)


def rename(upload: Upload, digest: str, data: bytes) -> Upload:
    """Other bytes in the place of a blob, and all that names it changed so that it names them."""
    pending = {digest: data}
    blobs, top, referrers = dict(upload.blobs), upload.top, upload.referrers
    for _ in range(_MOST_RENAMED):
        if not pending:
            break
        old, new = pending.popitem()
        name = Digest.of(new).value
        is_top = blobs.pop(old, None) == top
        blobs[name] = new
        top = new if is_top else _name(top, old, name, len(new))
        referrers = tuple(_entry(entry, old, name, len(new)) for entry in referrers)
        for other, raw in blobs.items():
            changed = _name(pending.get(other, raw), old, name, len(new))
            if other != name and changed != raw:
                pending[other] = changed
    return replace(upload, top=top, blobs=blobs, referrers=referrers)


def _name(raw: bytes, old: str, new: str, size: int) -> bytes:
    """A document or skeleton that names `new` where it named `old`."""
    if raw.startswith(MAGIC):
        return raw.replace(bytes.fromhex(old[7:]), bytes.fromhex(new[7:]))
    changed = raw.replace(old.encode(), new.encode())
    return re.sub(
        rb'("digest":"%s"[^{}]{0,200}?(?:\{[^{}]*\},)?"size":)\d+' % new.encode(), rb"\g<1>%d" % size, changed
    )


def _entry(entry: Descriptor, old: str, new: str, size: int) -> Descriptor:
    return replace(entry, digest=Digest(new), size=size) if entry.digest.value == old else entry


def change_bytes(random: Random, data: bytes) -> bytes:
    """Other bytes, after the nature of these."""
    if data.startswith(b"{") and random.random() < 0.8:
        return _change_json(random, data)
    if data.startswith(MAGIC) and random.random() < 0.8:
        return mutate(random, [data, *random.sample(_binaries(), 3), MAGIC + b"\1\0\0\0"])
    return random.choice(_BYTE_CHANGES)(random, data)


def _flip(random: Random, data: bytes) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(random.choice((1, 1, 2, 8))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _repeat(random: Random, data: bytes) -> bytes:
    start, end = sorted(random.choices(range(len(data) + 1), k=2))
    return data[:end] + data[start:end] * random.choice((1, 1, 2, 50)) + data[end:]


def _remove(random: Random, data: bytes) -> bytes:
    start, end = sorted(random.choices(range(len(data) + 1), k=2))
    return data[:start] + data[end:]


def _splice(random: Random, data: bytes) -> bytes:
    other = random.choice((*_documents(), *_binaries()))
    start, end = sorted(random.choices(range(len(other) + 1), k=2))
    at = random.randrange(len(data) + 1)
    return data[:at] + other[start:end] + data[at + random.choice((0, end - start)) :]


def _other(random: Random, _: bytes) -> bytes:
    return random.choice((*_documents(), *_binaries(), b"", b"null", b"[]", b"{}", random.randbytes(40)))


_BYTE_CHANGES: Final[Sequence[Callable[[Random, bytes], bytes]]] = (
    _flip,
    _flip,
    _cut,
    _repeat,
    _remove,
    _splice,
    _other,
)

_VALUES: Final[Sequence[Json]] = (
    *(None, True, False, 0, 1, 2, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**30, 10**400),
    *(0.0, -0.5, 1e300, 2.0, "", " ", "a", "\0", "\x1b[31m", "\u202e", "\ufeff", "\ud800", "\U0001f600", "e\u0301"),
    *("sha256:", "sha256:" + "0" * 64, "sha256:" + "A" * 64, "sha512:" + "0" * 128, "md5:0", "a:b", "../x", "CON"),
    *("1970-01-01T00:00:00Z", "1970-02-30T00:00:00Z", "MIT", "MIT OR (", "((((", "a/b", "*/*", "wasi:http/proxy@0.2.0"),
    *(WASM, WASM_CONFIG, EMPTY, IMAGE_MANIFEST, SKELETON, SKELETON_ARTIFACT, [], {}, [[]], [{}], {"": {}}, ["a", 0]),
)
_TEXTS: Final = (b"NaN", b"-Infinity", b"1e999", b"01", b"'a'", b"{,}", b"// ", b"\xff", b"\xed\xa0\x80", rb'"\ud800"')


def _change_json(random: Random, data: bytes) -> bytes:
    """Change values of a document; what Python can't write is put in as text."""
    try:
        return _write(random, _edited(random, json.loads(data)))
    except (ValueError, RecursionError):  # it is no JSON any more, or nests too deep to be written
        return random.choice(_BYTE_CHANGES)(random, data)


def _edited(random: Random, value: Json) -> Json:
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        holders = list(_iter_holders(value))
        if not holders:
            break
        holder = random.choice(holders)
        key: Json = random.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        _EDITS[random.randrange(len(_EDITS))](random, holder, key)
    return value


def _write(random: Random, value: Json) -> bytes:
    raw = json.dumps(value, separators=(",", ":"), ensure_ascii=random.random() < 0.2).encode(errors="surrogatepass")
    marked = raw.split(_MARK)
    return b"".join(part + random.choice(_TEXTS) for part in marked[:-1]) + marked[-1]


_MARK: Final = b'"%text%"'


def _iter_holders(value: Json) -> Iterator[Json]:
    """Objects and arrays with something in them."""
    pending = [value]
    while pending and len(pending) < 1000:
        each = pending.pop()
        if isinstance(each, dict | list) and each:
            yield each
            pending += each.values() if isinstance(each, dict) else each


def _value(random: Random) -> Json:
    return copy.deepcopy(random.choice(_VALUES))  # what is put in may be changed next


def _set(random: Random, holder: Json, key: Json) -> None:
    holder[key] = _value(random)


def _put_text(_: Random, holder: Json, key: Json) -> None:
    holder[key] = "%text%"


def _change_text(random: Random, holder: Json, key: Json) -> None:
    old = holder[key]
    if isinstance(old, str):
        at = random.randrange(len(old) + 1)
        holder[key] = old[:at] + str(random.choice(_VALUES))[:40] + old[at + random.randrange(3) :]
    elif type(old) is int:
        holder[key] = random.choice((old + 1, old - 1, -old, old * 2, old + 2**64, float(old % 2**60), str(old)[:1000]))


def _take_away(_: Random, holder: Json, key: Json) -> None:
    del holder[key]


def _wrap(random: Random, holder: Json, key: Json) -> None:
    for _ in range(random.choice((1, 2, 62, 70, 200))):
        holder[key] = [holder[key]] if random.random() < 0.5 else {"a": holder[key]}


def _add_member(random: Random, holder: Json, _: Json) -> None:
    name = random.choice(
        ("urls", "data", "subject", "manifests", "layers", "config", "annotations", "artifactType", "a")
    )
    name = random.choice((name, name, "\u202e", "", "a.b", "org.opencontainers.image.licenses", "\ud800"))
    if isinstance(holder, dict):
        holder[name] = _value(random)


def _repeat_member(random: Random, holder: Json, key: Json) -> None:
    """Put a value once more beside itself, or many times."""
    count = 10_001 if random.random() < _RARE * 10 else random.choice((1, 1, 2, 30))
    if isinstance(holder, list):
        holder[key:key] = [copy.deepcopy(holder[key]) for _ in range(count)]
    else:
        holder.update({f"{key}{number}": copy.deepcopy(holder[key]) for number in range(count)})


def _make_long(random: Random, holder: Json, key: Json) -> None:
    size = 5_000_000 if random.random() < _RARE else random.choice((100, 300, 5000, 70_000))
    holder[key] = str(holder[key]) * (size // (len(str(holder[key])) + 1) + 1)


def _take_from_elsewhere(random: Random, holder: Json, key: Json) -> None:
    other = random.choice(list(_iter_holders(json.loads(random.choice(_documents())))))
    holder[key] = random.choice(list(other.values()) if isinstance(other, dict) else other)


def _annotate(random: Random, holder: Json, _: Json) -> None:
    names = ("created", "licenses", "source", "title", "version", "base.digest", "flavour")
    if isinstance(holder, dict):
        key = f"org.opencontainers.image.{random.choice(names)}"
        holder.setdefault("annotations", {})
        if isinstance(holder["annotations"], dict):
            holder["annotations"][key] = _value(random)


_EDITS: Final[Sequence[Callable[[Random, Json, Json], None]]] = (
    *(_set, _set, _put_text, _change_text, _change_text, _take_away, _wrap, _add_member, _add_member),
    *(_repeat_member, _make_long, _take_from_elsewhere, _take_from_elsewhere, _annotate),
)
