"""Asking a registry whether it takes a credential (distribution-spec, "API", end-1)."""

from __future__ import annotations

from packaging_kit.stores.registry.answers import discard
from packaging_kit.stores.registry.credentials import Credential
from packaging_kit.stores.registry.options import RegistryOptions
from packaging_kit.stores.registry.transport import Transport


def ping(host: str, options: RegistryOptions, credential: Credential) -> None:
    """Return where the registry takes the credential, or asks for none.

    Raises:
        RegistryError: `registry-unauthorized`, `registry-denied`, and what every request raises.
    """
    transport = Transport(host, options, lambda: credential)
    transport.settle()
    response = transport.do_request(f"{transport.prefix}://{transport.origin_host}/v2/")
    if response.status_code not in (200, 202, 404):  # some have nothing there, and still looked at the credential
        transport.refuse(response, host)
    discard(response)
