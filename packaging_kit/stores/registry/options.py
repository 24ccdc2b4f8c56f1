"""How registries are talked to: what the command line or a program sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging_kit.limits import MIB
from packaging_kit.stores.registry.credentials import Credential, CredentialFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEvent:
    """One try of a request, for those who watch.

    Attributes:
        method: of the request.
        host: that it went to, `HOST:PORT`.
        path: without the query, which may hold secrets.
        status: of the answer; `None` where none came.
        sent: bytes of the request's body.
        received: bytes that the answer's body has, as far as it says.
        seconds: until the answer began.
        attempt: which try it was, from 1.
        error: why no answer came.
    """

    method: str
    host: str
    path: str
    status: int | None
    sent: int
    received: int | None
    seconds: float
    attempt: int
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryOptions:
    """Settings for all registries of a run.

    Attributes:
        plain_http: hosts, as `HOST[:PORT]`, that are asked by http; loopback ones are where https fails to begin.
        ca_file: certificates that a registry's has to lead to, instead of the system's.
        client_certificate: sent to registries that ask for one; a PEM file, with its key where `client_key` is `None`.
        client_key: a PEM file.
        credentials: where credentials are kept.
        given: a credential that wins over those.
        proxies: scheme or `all` to the URL of a proxy.
        no_proxy: hosts that are asked without it, divided by commas, as the environment variable has them.
        connect_timeout: seconds until a connection has to stand.
        read_timeout: seconds without a single byte after which an answer is given up.
        tries: of one request, all together; of a blob on its way, without a good deal of it arriving between them.
        backoff: seconds before the second try, doubled for each one after it, less a random part.
        patience: seconds from when the first try of a request failed after which no other is begun.
        side_by_side: transfers at a time.
        chunk_size: bytes of a piece, where a registry takes large blobs only in pieces.
        mount_hints: file in which is remembered which repositories hold a blob; `None` for none.
        on_request: is told of every try, from any thread.
    """

    plain_http: frozenset[str] = frozenset()
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    credentials: CredentialFiles = field(default_factory=CredentialFiles)
    given: Credential | None = None
    proxies: Mapping[str, str] = field(default_factory=dict)
    no_proxy: str = ""
    connect_timeout: float = 15.0
    read_timeout: float = 60.0
    tries: int = 5
    backoff: float = 0.5
    patience: float = 60.0
    side_by_side: int = 8
    chunk_size: int = 16 * MIB
    mount_hints: Path | None = None
    on_request: Callable[[RequestEvent], None] | None = None
