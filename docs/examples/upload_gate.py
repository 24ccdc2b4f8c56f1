"""A small registry that checks every upload, and keeps the components that it accepts in fragments.

    python docs/examples/upload_gate.py FOLDER

prints its address. Clients push to it and pull from it as from any registry (distribution-spec 1.1):

    packaging-kit push app.wasm "$HOST/app:1.0.0"
    packaging-kit pull "$HOST/app:1.0.0" -o same.wasm

What is uploaded waits in a quarantine (`quarantine.py`) until a manifest names it. Every manifest goes through
`validate_upload`: a refusal says all that is wrong, and what waited for it is thrown away; what is accepted is kept
exploded and served whole (`serve_split.py`). docs/registries.md says more.

It is an example: no users, TLS, quotas or deletion, and it forgets all names when it ends.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

from quarantine import Entry, Repository, Upload, Verdict, iter_entries, read_fields
from serve_split import CHUNK_SIZE, MOST_UPLOADED, NAME, BlobHandler, BlobServer, Refused

import packaging_kit
from packaging_kit import Digest, Engine, Policy, Profile, Report

SKELETONS = "application/vnd.packaging-kit.component.skeleton.v0"
IMAGE_INDEX = "application/vnd.oci.image.index.v1+json"
MISSING = {"not-found", "fragment-missing"}
NO_VERDICT = {"engine-missing", "engine-timeout", "engine-failed"}
MOST_IN_MANIFEST = 4 << 20
MOST_IN_PAGE = 1000
MOST_VALIDATED_AT_A_TIME = 2  # each takes a processor and some memory
WAITS_SECONDS = 3600.0  # for a manifest, or for the rest of an upload

_ROUTE = re.compile(
    rf"/v2/(?P<name>{NAME})/(?:blobs/(?P<uploads>uploads/(?P<upload>[0-9a-f]{{32}})?)|blobs/(?P<blob>[^/]+)"
    r"|manifests/(?P<manifest>[^/]+)|(?P<tags>tags/list)|referrers/(?P<referrers>[^/]+))"
)
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_CONTENT_RANGE = re.compile(r"(?:bytes )?([0-9]{1,18})-([0-9]{1,18})(?:/.*)?")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")


def choose_profile(raw: bytes) -> Profile:
    """Which rules a manifest has to keep: those for Wasm, unless it says that it is something else.

    This is the operator's decision. Here signatures and SBOMs may stand beside components: what names a type of its
    own, and nowhere one of Wasm or of a split. To take components alone, answer `Profile.CNCF` always.
    """
    fields = read_fields(raw)
    config = fields.get("config")
    own = fields.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)
    types = [str(each).lower() for each in (own, *(entry.get("mediaType") for entry in iter_entries(fields)))]
    is_wasm = any("wasm" in each or "vnd.packaging-kit." in each for each in types)
    return Profile.OCI if own and not is_wasm else Profile.CNCF


def is_early(raw: bytes, report: Report) -> bool:
    """Whether nothing is wrong with skeletons but that they came before the modules, or the whole, as they may.

    They are looked at again, and then nothing may be missing, with the split index or the whole that they belong to.
    """
    is_missing = {problem.code for problem in report.errors} == {"fragment-missing"} and not report.unlisted
    return is_missing and read_fields(raw).get("artifactType") == SKELETONS


def refusal(report: Report) -> Refused:
    """A report as an error of the distribution-spec: in short for people, and all of it for programs.

    Where nothing is wrong but that content is missing it is `MANIFEST_BLOB_UNKNOWN`, the spec's own code for that:
    pushing the same again, complete, may help. Where anything else is wrong as well, it would be in vain. Where an
    engine came to no verdict nobody knows: that is a fault here and not in the upload, which waits for another try.
    """
    errors = report.errors
    codes = {problem.code for problem in errors}
    shown = [f"{problem.code}: {problem.where}: {problem.message}" for problem in errors[:3]]
    more = len(errors) - len(shown) + report.unlisted
    message = "; ".join(shown)[:2000] + (f"; and {more} more" if more else "")
    # It may hold text of the upload, and clients print it on a terminal.
    message = "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in message)
    if codes <= NO_VERDICT and not report.unlisted:
        return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", message, detail=report.to_json())
    code = "MANIFEST_BLOB_UNKNOWN" if codes <= MISSING and not report.unlisted else "MANIFEST_INVALID"
    return Refused(HTTPStatus.BAD_REQUEST, code, message, detail=report.to_json())


class GateHandler(BlobHandler):
    """One connection; `server.repositories` is what it serves."""

    server: GateServer

    def do_PATCH(self) -> None:  # noqa: N802 - the name that http.server calls
        self._answer(self._upload)

    def _get(self) -> None:
        self._leave_body()
        if urlsplit(self.path).path == "/v2/":
            return self._reply(HTTPStatus.OK, {}, b"{}")
        found = self._route()
        repository = self.server.repositories.get(found["name"], Repository(self.server.store))
        if found["blob"]:
            return self._send_blob(repository, Digest(found["blob"]))
        if found["manifest"]:
            return self._send_manifest(repository, found["manifest"])
        if found["referrers"]:
            return self._send_referrers(repository, Digest(found["referrers"]))
        if found["tags"]:
            return self._send_tags(repository, found["name"])
        if (upload := repository.uploads.get(found["upload"] or "")) is None:
            raise Refused(HTTPStatus.NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "there is no such upload")
        return self._tell(HTTPStatus.NO_CONTENT, upload)

    def _route(self) -> re.Match[str]:
        if (found := _ROUTE.fullmatch(urlsplit(self.path).path)) is None:
            raise Refused(HTTPStatus.NOT_FOUND, "NAME_INVALID", "nothing has this name")
        return found

    def _send_blob(self, repository: Repository, digest: Digest) -> None:
        if digest not in repository:
            raise Refused(HTTPStatus.NOT_FOUND, "BLOB_UNKNOWN", f"the blob {digest} is not there")
        self._send(digest, *repository.open(digest))

    def _send_manifest(self, repository: Repository, reference: str) -> None:
        digest = Digest(reference) if ":" in reference else repository.tags.get(reference)
        if digest is None or (entry := repository.manifests.get(digest)) is None:
            raise Refused(HTTPStatus.NOT_FOUND, "MANIFEST_UNKNOWN", "there is no such manifest")
        self._send(digest, *self.server.store.open(digest), entry.listed["mediaType"])

    def _send_tags(self, repository: Repository, name: str) -> None:
        if not repository.manifests:
            raise Refused(HTTPStatus.NOT_FOUND, "NAME_UNKNOWN", "there is no such repository")
        shown, headers = self._page([*repository.tags])
        self._send_json({"name": name, "tags": shown}, headers)

    def _send_referrers(self, repository: Repository, subject: Digest) -> None:
        wanted = parse_qs(urlsplit(self.path).query).get("artifactType")
        found = {
            entry.listed["digest"]: entry.listed
            for entry in [*repository.manifests.values()]
            if entry.subject == subject.value
        }
        if wanted:
            found = {each: listed for each, listed in found.items() if listed.get("artifactType") in wanted}
        shown, headers = self._page([*found])
        headers |= {"Content-Type": IMAGE_INDEX} | ({"OCI-Filters-Applied": "artifactType"} if wanted else {})
        index = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [found[each] for each in shown]}
        self._send_json(index, headers)

    def _page(self, names: list[str]) -> tuple[list[str], dict[str, str]]:
        """The names after `last`, at most `n` of them, and where the next ones are."""
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        count, last = query.get("n", [str(MOST_IN_PAGE)])[-1], query.get("last", [""])[-1]
        if not re.fullmatch("[0-9]{1,9}", count):
            raise Refused(HTTPStatus.BAD_REQUEST, "PAGINATION_NUMBER_INVALID", "`n` is no number")
        left = sorted(name for name in names if name > last)
        shown = left[: min(int(count), MOST_IN_PAGE)]
        if not shown or len(shown) == len(left):
            return shown, {}
        following = urlencode(query | {"n": [count], "last": [shown[-1]]}, doseq=True)
        return shown, {"Link": f'<{url.path}?{following}>; rel="next"'}

    def _send_json(self, value: object, headers: dict[str, str]) -> None:
        self._reply(HTTPStatus.OK, {"Content-Type": "application/json"} | headers, json.dumps(value).encode())

    def _upload(self) -> None:
        """POST, PATCH and PUT."""
        found = self._route()
        if found["manifest"] and self.command == "PUT":
            return self._put_manifest(found["name"], found["manifest"])
        if not found["uploads"] or (found["upload"] is None) != (self.command == "POST"):
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "UNSUPPORTED", "it can't be written to like this")
        return self._put_blob(self.server.repository(found["name"]), found["upload"])

    def _put_blob(self, repository: Repository, upload_id: str | None) -> None:
        """Begin an upload, add to it, and end it. One that goes wrong is gone, as is one that breaks off."""
        digests = parse_qs(urlsplit(self.path).query).get("digest")
        upload = self.server.begin_upload() if upload_id is None else repository.uploads.pop(upload_id, None)
        if upload is None:
            raise Refused(HTTPStatus.NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "there is no such upload")
        if self.command == "POST" and digests is None:
            # So is a mount answered: who names content here has to have its bytes.
            self._leave_body()
            repository.uploads[upload.id] = upload
            return self._tell(HTTPStatus.ACCEPTED, upload)
        try:
            end = self._expected_end(upload)
        except Refused:
            repository.uploads[upload.id] = upload  # to go on with
            raise
        try:
            upload.append(self._iter_body(MOST_UPLOADED - upload.size))
            if end not in (None, upload.size):
                raise Refused(HTTPStatus.BAD_REQUEST, "SIZE_INVALID", "`Content-Range` is of another size")
            digest = None if self.command == "PATCH" else Digest("".join(digests or ()))
            if digest is not None and upload.digest(digest.algorithm) != digest:
                raise Refused(HTTPStatus.BAD_REQUEST, "DIGEST_INVALID", "the content has another digest")
        except BaseException:
            upload.discard()
            raise
        if digest is None:
            repository.uploads[upload.id] = upload
            return self._tell(HTTPStatus.ACCEPTED, upload)
        repository.hold(digest, upload)
        return self._created("blobs", digest, {})

    def _expected_end(self, upload: Upload) -> int | None:
        """How large an upload is after this request, where it says that."""
        if (text := self.headers.get("Content-Range")) is None:
            return None
        if (found := _CONTENT_RANGE.fullmatch(text)) is None or int(found[1]) != upload.size:
            unfit = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            raise Refused(unfit, "BLOB_UPLOAD_INVALID", "it does not go on where the upload ends", self._place(upload))
        return int(found[2]) + 1

    def _place(self, upload: Upload) -> dict[str, str]:
        location = f"/v2/{self._route()['name']}/blobs/uploads/{upload.id}"
        return {"Location": location, "Range": f"0-{max(upload.size - 1, 0)}"}

    def _tell(self, status: HTTPStatus, upload: Upload) -> None:
        self._reply(status, self._place(upload))

    def _created(self, kind: str, digest: Digest, headers: dict[str, str]) -> None:
        location = f"/v2/{self._route()['name']}/{kind}/{digest}"
        self._reply(HTTPStatus.CREATED, {"Location": location, "Docker-Content-Digest": digest.value} | headers)

    def _put_manifest(self, name: str, reference: str) -> None:
        raw = b"".join(self._iter_body(MOST_IN_MANIFEST))
        tag = None if ":" in reference else reference
        if tag is not None and not _TAG.fullmatch(tag):
            raise Refused(HTTPStatus.BAD_REQUEST, "TAG_INVALID", "this is no tag")
        digest = Digest.of(raw) if tag is not None else Digest(reference)
        if Digest.of(raw, digest.algorithm) != digest:
            raise Refused(HTTPStatus.BAD_REQUEST, "DIGEST_INVALID", "the manifest has another digest")
        media_type = self.headers.get("Content-Type", "").partition(";")[0].strip()
        entry = self.server.decide(name, raw, digest, media_type, tag)
        self._created("manifests", digest, {} if entry.subject is None else {"OCI-Subject": entry.subject})

    def _iter_body(self, most: int) -> Iterator[bytes]:
        """The body in pieces, to its end and no further; one that is or says it is larger than `most` is refused."""
        for left in self._iter_chunk_sizes():
            most -= left
            if most < 0:
                raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "SIZE_INVALID", "there is too much of it")
            while left:
                if not (piece := self.rfile.read(min(left, CHUNK_SIZE))):
                    raise Refused(HTTPStatus.BAD_REQUEST, "SIZE_INVALID", f"{left} bytes are missing")
                left -= len(piece)
                yield piece

    def _iter_chunk_sizes(self) -> Iterator[int]:
        sizes, codings = self.headers.get_all("Content-Length", []), self.headers.get_all("Transfer-Encoding", [])
        if not codings and len(sizes) <= 1 and re.fullmatch("[0-9]{1,18}", size := (*sizes, "0")[0]):
            yield int(size)
            return
        if sizes or [each.lower() for each in codings] != ["chunked"]:
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "SIZE_INVALID", "it is not clear where the body ends")
        while (found := _CHUNK.fullmatch(self.rfile.readline(4096))) and (left := int(found[1], 16)):
            yield left
            if self.rfile.read(2) != b"\r\n":
                break
        else:
            if found and self.rfile.readline(4096) == b"\r\n":  # nobody sends trailers
                return
        raise Refused(HTTPStatus.BAD_REQUEST, "SIZE_INVALID", "the chunks of the body are not well formed")


class GateServer(BlobServer):
    """Repositories over one folder.

    Args:
        policy: what has to hold besides the rules.
        engine: what judges whether a binary is valid; without one nobody does.
    """

    def __init__(
        self, folder: Path, port: int = 0, *, policy: Policy | None = None, engine: Engine | None = None
    ) -> None:
        super().__init__(folder / "content", port, GateHandler)
        self._quarantine = folder / "quarantine"
        shutil.rmtree(self._quarantine, ignore_errors=True)
        self._quarantine.mkdir(parents=True)
        self._policy, self._engine = policy, engine
        self._places = threading.BoundedSemaphore(MOST_VALIDATED_AT_A_TIME)
        self.repositories: dict[str, Repository] = {}

    def repository(self, name: str) -> Repository:
        return self.repositories.setdefault(name, Repository(self.store))

    def begin_upload(self) -> Upload:
        for repository in [*self.repositories.values()]:
            repository.sweep(time.monotonic() - WAITS_SECONDS)
        return Upload(self._quarantine / uuid4().hex)

    def decide(self, name: str, raw: bytes, digest: Digest, media_type: str, tag: str | None) -> Entry:
        """The gate: validate a manifest with all that it names, and keep all of it or nothing."""
        repository = self.repository(name)
        with repository.deciding, self._places:
            validate = partial(
                packaging_kit.validate_upload,
                raw,
                media_type,
                repository,
                self._policy,
                engine=self._engine,
                tag=tag,
                referrers=repository.split_of(digest),
            )
            report = validate(profile=choose_profile(raw))
            binaries = frozenset(binary.whole.digest for binary in report.binaries)
            if early := tag is None and is_early(raw, report):
                report = validate(profile=Profile.OCI)
            if report.is_clean:
                verdict = Verdict(binaries=binaries, is_early=early, is_followed=report.profile is not Profile.OCI)
                return repository.keep(raw, digest, media_type, tag, verdict)
            refused = refusal(report)
            if refused.status == HTTPStatus.BAD_REQUEST:
                repository.refuse(raw, digest)
            raise refused


def main() -> None:
    parser = argparse.ArgumentParser(description="A registry that checks what is uploaded to it.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--policy", type=Path, help="TOML; without one the rules alone count")
    arguments = parser.parse_args()
    try:
        policy = None if arguments.policy is None else packaging_kit.parse_policy(arguments.policy.read_bytes())
    except (OSError, packaging_kit.RequestError) as exc:
        parser.error(str(exc))
    with GateServer(arguments.folder, arguments.port, policy=policy) as server:
        sys.stdout.write(f"127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
