"""`resolve`, `tags`, `referrers`, `login` and `logout`: what is asked of a registry, and who asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from packaging_kit.digest import Digest
from packaging_kit.errors import RequestError
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.reference import Reference, parse_host
from packaging_kit.operations.places import RepositoryPlace
from packaging_kit.operations.repositories import open_source
from packaging_kit.operations.settings import Settings

if TYPE_CHECKING:
    from packaging_kit.stores.registry.credentials import Credential


def resolve(place: RepositoryPlace, settings: Settings) -> Descriptor:
    """What a place names; the digest is that of the bytes that were received.

    Raises:
        NotFoundError: `not-found`.
        RequestError: `tag-ambiguous`.
        RegistryError: where the registry refuses or fails.
    """
    with open_source(place, settings) as store:
        return store.find(place.tag, place.digest)


def list_tags(place: RepositoryPlace, settings: Settings) -> tuple[str, ...]:
    """All tags of a repository, sorted; raises as `resolve` does.

    Raises:
        RequestError: `place-unclear`, where the place names one thing in it.
    """
    if place.tag is not None or place.digest is not None:
        raise RequestError(
            "place-unclear", "all tags are listed, and the place names one thing", hint="HOST/REPOSITORY"
        )
    with open_source(place, settings) as store:
        return store.tags()


def list_referrers(
    place: RepositoryPlace, settings: Settings, artifact_type: str | None = None
) -> tuple[Digest, tuple[Descriptor, ...]]:
    """The digest of what a place names, and what refers to that, sorted by digest; raises as `resolve` does."""
    with open_source(place, settings) as store:
        subject = store.find(place.tag, place.digest).digest
        return subject, store.referrers(subject, None if artifact_type is None else (artifact_type,))


def login(host: str, credential: Credential, settings: Settings) -> str:
    """Keep a credential, once the registry has taken it; returns where it is kept.

    Raises:
        RequestError: `reference-invalid`.
        RegistryError: `registry-unauthorized`, where the registry does not take it.
        UnavailableError: `credential-helper-failed`, `io-error`.
    """
    # Imported when first needed: the command line must start quickly.
    from packaging_kit.stores.registry.credentials import CredentialStore
    from packaging_kit.stores.registry.options import RegistryOptions
    from packaging_kit.stores.registry.ping import ping

    name = parse_host(host)
    options = replace(settings.registry or RegistryOptions(), given=credential)
    ping(Reference(host=name, repository="x").api_host, options, credential)
    return CredentialStore(options.credentials).save(name, credential)


def logout(host: str, settings: Settings) -> tuple[str, ...]:
    """Forget a credential; returns where it was kept.

    Raises:
        NotFoundError: `not-found`, where none is kept.
        RequestError: `reference-invalid`.
        UnavailableError: `credential-helper-failed`, `io-error`.
    """
    from packaging_kit.stores.registry.credentials import CredentialStore
    from packaging_kit.stores.registry.options import RegistryOptions

    options = settings.registry or RegistryOptions()
    return CredentialStore(options.credentials).erase(parse_host(host))
