"""Origins: who a request goes to, and who may be asked on whose word.

A credential belongs to one origin: scheme, host and port. Whatever a registry names, a redirect, an upload
location, a next page or a token realm, is another origin unless all three are equal.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit, urlunsplit

from packaging_kit.errors import RequestError

if TYPE_CHECKING:
    from typing import Self

_PORTS: Final = {"http": 80, "https": 443}
_URL = re.compile(r"[!-~]{1,8192}")  # visible ASCII: what parsers read differently is refused
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")

_TRANSLATED: Final = tuple(map(ipaddress.IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")))
_OF_CLOUDS: Final = frozenset(map(ipaddress.ip_address, ("168.63.129.16", "100.100.100.200", "fd00:ec2::254")))
"""What tells a machine in a cloud its secrets, besides `169.254.169.254`."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str], tuple[Address, ...]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host in lower case, and port."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Self:
        """The origin of an absolute URL.

        Raises:
            RequestError: `url-invalid`, for another scheme, a user in it, and what parsers read differently.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as exc:
            raise _invalid(url) from exc
        host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc.removesuffix(":")
        if not _URL.fullmatch(url) or "\\" in url or parts.scheme not in _PORTS or not _HOST.fullmatch(host):
            raise _invalid(url)
        return cls(parts.scheme, host.lower(), _PORTS[parts.scheme] if port is None else port)

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"

    @property
    def is_loopback(self) -> bool:
        """Its name says so: nobody else can listen there."""
        address = _literal(self.host)
        return self.host == "localhost" or (address is not None and address.is_loopback)

    @property
    def is_address(self) -> bool:
        """It is named by its address."""
        return _literal(self.host) is not None

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def join(base: str, location: str) -> str:
    """What `location` means in an answer to a request for `base`.

    Raises:
        RequestError: `url-invalid`.
    """
    if not _URL.fullmatch(location):
        raise _invalid(location)
    try:
        url = urljoin(base, location)
    except ValueError as exc:
        raise _invalid(location) from exc
    return with_path(url.partition("#")[0])


def with_path(url: str) -> str:
    """An absolute URL whose path is there, be it empty (RFC 9110, 4.2.3)."""
    parts = urlsplit(url)
    return url if parts.path.startswith("/") else urlunsplit(parts._replace(path=f"/{parts.path}"))


def resolve(host: str) -> tuple[Address, ...]:
    """The addresses of a host; none where it has no name or nobody can be asked."""
    literal = _literal(host)
    if literal is not None:
        return (literal,)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found)


def is_less_public(target: Origin, registry: Origin, resolve: Resolve = resolve) -> bool:
    """Whether a registry would have us reach into a network that it is not in itself.

    A registry on the internet has no business with services on this machine or in its neighbourhood.
    """
    if target.host == registry.host:
        return False
    here = max((_privacy(address) for address in resolve(registry.host)), default=0)
    return any(_privacy(address) > here for address in resolve(target.host))


def is_less_public_by_name(target: Origin, registry: Origin) -> bool:
    """The same, as far as names of hosts tell it: where another, a proxy, looks up their addresses."""
    return is_less_public(target, registry, _named)


def _named(host: str) -> tuple[Address, ...]:
    literal = _literal("127.0.0.1" if host == "localhost" or host.endswith(".localhost") else host)
    return () if literal is None else (literal,)


def _privacy(address: Address) -> int:
    """0 on the internet, 1 in a private network, 2 on this machine, this link, or of the machine's own cloud."""
    if address.is_loopback or address.is_link_local or address.is_unspecified or address in _OF_CLOUDS:
        return 2
    own = 0 if address.is_global and not getattr(address, "is_site_local", False) else 1
    return max([own, *map(_privacy, _embedded(address))])


def _embedded(address: Address) -> tuple[ipaddress.IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address leads to (RFC 4291, 3056, 4380, 6052, 8215)."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _TRANSLATED):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(inner for inner in found if inner is not None)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _invalid(url: str) -> RequestError:
    return RequestError("url-invalid", f"`{url.partition('?')[0][:200]!a}` is not a URL that is followed")
