"""A registry of our own for tests: in memory, in process, and it breaks what a script says at which request."""

from tests.registry.auth import Basic, Bearer
from tests.registry.behaviour import Behaviour
from tests.registry.faults import EVERY_FAULT, Chance, Fault, Kind
from tests.registry.journal import RecordedRequest
from tests.registry.listener import Tls
from tests.registry.messages import Headers, Request, Response
from tests.registry.origin import Origin
from tests.registry.server import Registry

__all__ = [
    "EVERY_FAULT",
    "Basic",
    "Bearer",
    "Behaviour",
    "Chance",
    "Fault",
    "Headers",
    "Kind",
    "Origin",
    "RecordedRequest",
    "Registry",
    "Request",
    "Response",
    "Tls",
]
