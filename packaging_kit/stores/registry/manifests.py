"""Manifests and indexes in a registry: their exact bytes, by digest or by tag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn

import requests

from packaging_kit.digest import Digest
from packaging_kit.document import parse_json
from packaging_kit.errors import Answer, ContentError, DocumentError, RequestError
from packaging_kit.limits import MAX_MANIFEST_SIZE
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.media_types import (
    ARTIFACT_MANIFEST,
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    DOCUMENTS,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
)
from packaging_kit.stores.registry.answers import discard, invalid
from packaging_kit.stores.registry.challenges import scope_of
from packaging_kit.stores.registry.transport import Transport

_ACCEPT: Final = ", ".join((IMAGE_MANIFEST, IMAGE_INDEX, DOCKER_MANIFEST, DOCKER_INDEX, ARTIFACT_MANIFEST))
_DIGEST_HEADER: Final = "Docker-Content-Digest"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document as a registry gave it.

    Attributes:
        descriptor: its digest is that of the bytes.
        raw: the bytes.
    """

    descriptor: Descriptor
    raw: bytes


class Manifests:
    """The manifests and indexes of one repository."""

    def __init__(self, transport: Transport, repository: str) -> None:
        self._transport = transport
        self._repository = repository

    def fetch(self, name: str | Digest) -> Fetched:
        """What a tag or digest names.

        Raises:
            NotFoundError: `not-found`.
            ContentError: `digest-mismatch`, where it is not what the digest or the registry says.
            DocumentError: `media-type-unexpected`, `document-invalid`.
            RegistryError: `registry-answer-too-large` for more than 4 MiB.
        """
        try:
            return self._fetch(name)
        except ContentError:
            return self._fetch(name)  # once more: what is wrong may have come about on the way

    def _fetch(self, name: str | Digest) -> Fetched:
        response, raw = self._transport.read(
            self._url(name), MAX_MANIFEST_SIZE, headers={"Accept": _ACCEPT}, scopes=scope_of(self._repository, "pull")
        )
        if response.status_code != 200:
            self._refuse(response, name)
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        digest = _checked_digest(raw, name, response)
        own_type, artifact_type = _types(raw)
        if media_type not in DOCUMENTS:
            # Some serve a document as plain JSON; what it says of itself counts then.
            media_type = own_type if own_type in DOCUMENTS else media_type
        if own_type not in (None, media_type):
            raise DocumentError(
                "document-invalid", f"`{own_type[:200]}` came as `{media_type[:200]}`", json_path="mediaType"
            )
        if media_type not in DOCUMENTS:
            raise DocumentError("media-type-unexpected", f"`{media_type[:200]}` is neither a manifest nor an index")
        return Fetched(
            Descriptor(media_type=media_type, digest=digest, size=len(raw), artifact_type=artifact_type), raw
        )

    def digest_of(self, tag: str) -> Digest | None:
        """The digest that the registry says a tag has; `None` where it has no such tag.

        Raises:
            RegistryError: where the registry does not tell.
        """
        response = self._transport.do_request(
            self._url(tag), "HEAD", headers={"Accept": _ACCEPT}, scopes=scope_of(self._repository, "pull", "push")
        )
        discard(response)
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            self._refuse(response, tag)
        said = response.headers.get(_DIGEST_HEADER)
        return self.fetch(tag).descriptor.digest if said is None else _said_digest(said, response)

    def holds(self, descriptor: Descriptor) -> bool:
        """Whether it is there by its digest, and of this type.

        Raises:
            RegistryError: where the registry does not tell.
        """
        response = self._transport.do_request(
            self._url(descriptor.digest),
            "HEAD",
            headers={"Accept": descriptor.media_type},
            scopes=scope_of(self._repository, "pull", "push"),
        )
        discard(response)
        if response.status_code not in (200, 404):
            self._refuse(response, descriptor.digest)
        return response.status_code == 200

    def put(self, raw: bytes, descriptor: Descriptor, tag: str | None = None) -> bool:
        """Write a document, once, under its digest or a tag; whether the registry noted what it refers to.

        Raises:
            ContentError: `digest-mismatch`, where the registry stored something else.
            RegistryError: `registry-refused` and others.
        """
        try:
            return self._put(raw, descriptor, tag)
        except ContentError:
            return self._put(raw, descriptor, tag)  # once more: its answer may have been cut off

    def _put(self, raw: bytes, descriptor: Descriptor, tag: str | None) -> bool:
        name = descriptor.digest if tag is None else tag
        response = self._transport.do_request(
            self._url(name),
            "PUT",
            data=raw,
            headers={"Content-Type": descriptor.media_type},
            scopes=scope_of(self._repository, "pull", "push"),
        )
        if response.status_code not in (200, 201, 202):
            self._refuse(response, name)
        discard(response)
        said = response.headers.get(_DIGEST_HEADER)
        if said is not None and said not in (descriptor.digest.value, Digest.of(raw).value):
            raise ContentError(
                "digest-mismatch", "the registry stored something else", expected=descriptor.digest.value, actual=said
            )
        return "OCI-Subject" in response.headers

    def answer(self, name: str | Digest) -> Answer:
        """What an error speaks of that is about more than one request for `name`."""
        return Answer(method="GET", path=f"/v2/{self._repository}/manifests/{name}")

    def _url(self, name: str | Digest) -> str:
        container = self._transport.container(self._repository)
        return f"{self._transport.prefix}://{container.manifest_url(str(name))}"

    def _refuse(self, response: requests.Response, name: str | Digest) -> NoReturn:
        what = f"`{name}`" if isinstance(name, str) else str(name)
        self._transport.refuse(response, f"{what} in {self._repository}")


def _checked_digest(raw: bytes, name: str | Digest, response: requests.Response) -> Digest:
    """The digest of `raw`: the one it was asked for by, or else the one the registry says it has."""
    said = response.headers.get(_DIGEST_HEADER)
    expected = name if isinstance(name, Digest) else Digest.of(raw)
    if said is not None and not isinstance(name, Digest):
        expected = _said_digest(said, response)
    actual = Digest.of(raw, expected.algorithm)
    if actual != expected:
        raise ContentError(
            "digest-mismatch", "the document has another digest", expected=expected.value, actual=actual.value
        )
    return actual


def _said_digest(said: str, response: requests.Response) -> Digest:
    try:
        return Digest(said)
    except RequestError as exc:
        raise invalid(response, f"its `{_DIGEST_HEADER}`: {exc.message}") from exc


def _types(raw: bytes) -> tuple[str | None, str | None]:
    """What a document says of itself: its media type, and its artifact type.

    Raises:
        DocumentError: `document-invalid`.
    """
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise DocumentError("document-invalid", "an object is expected")
    own_type, artifact_type = value.get("mediaType"), value.get("artifactType")
    for name, text in (("mediaType", own_type), ("artifactType", artifact_type)):
        if text is not None and not isinstance(text, str):
            raise DocumentError("document-invalid", "a text is expected", json_path=name)
    return own_type, artifact_type
