"""Which requests go by way of a proxy: what `NO_PROXY` means, as curl and Go have it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from packaging_kit.stores.registry.options import RegistryOptions
from packaging_kit.stores.registry.origin import Origin


def proxies_for(url: str, options: RegistryOptions) -> Mapping[str, str]:
    """The proxies for a request; none where its host is asked without one."""
    if not options.proxies:
        return {}
    origin = Origin.of(url)
    names = (name.strip().lower() for name in options.no_proxy.split(","))
    return {} if any(name and _matches(name, origin) for name in names) else options.proxies


def _matches(name: str, origin: Origin) -> bool:
    """Whether an entry means this host: `*`, a name and all below it, an address or a network; each with a port."""
    host = origin.host.removeprefix("[").removesuffix("]")
    if name == "*":
        return True
    if "/" in name:
        return _is_in(host, name)
    known, colon, port = name.rpartition(":")
    if colon and port.isdecimal() and (":" not in known or known.startswith("[")):
        if int(port[:6]) != origin.port:
            return False
        name = known
    name = name.removeprefix("[").removesuffix("]").removeprefix("*").removeprefix(".")
    return host == name or host.endswith(f".{name}")


def _is_in(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
