"""Real components to real registries and back: every form, each kind of login, and nothing sent twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest

import packaging_kit
from packaging_kit import Form, Input, LayoutPlace, PackOptions, Settings
from packaging_kit.errors import RegistryError
from packaging_kit.limits import KIB
from packaging_kit.operations.copy import copy
from packaging_kit.operations.places import RegistryPlace
from packaging_kit.operations.push import push
from packaging_kit.operations.registries import resolve
from packaging_kit.stores.registry.options import RequestEvent
from packaging_kit.transfer.copy import ReferrerChoice
from tests.conftest import FIXTURES
from tests.real.needs import need_component
from tests.real.registries import Running, start
from tests.repositories import SETTINGS, blobs_of, index_of, registry_options, registry_place, unpack
from tests.test_stores_registry_real import SERVERS

COMPONENTS: Final[dict[str, Callable[[], Path]]] = {
    "python": partial(need_component, "python-greeter"),
    "javascript": partial(need_component, "javascript-greeter"),
    "rust": lambda: FIXTURES / "real" / "rust.wasm",
    "composed": lambda: FIXTURES / "real" / "composed.wasm",
}

MORE_SERVERS: Final = SERVERS | {
    "distribution-tls": ("distribution", None, True),
    "distribution-basic": ("distribution", "basic", False),
}


SMALL: Final = 64 * KIB
"""Bytes of a blob that may be sent without asking whether it is there."""


@dataclass(frozen=True, slots=True)
class Server:
    """A registry, and the bodies of blobs that were sent to it: what each request had."""

    running: Running
    settings: Settings
    events: list[RequestEvent]

    def place(self, repository: str) -> RegistryPlace:
        return registry_place(self.running.host, repository, "v1")

    def mark(self) -> int:
        """Where the record of what is sent stands now."""
        self.events.clear()
        return 0 if self.running.kind.logs is None else len(self.running.requests())

    def blob_bytes_since(self, mark: int) -> int:
        """Bytes of blobs that were sent, as we counted; and that nothing else is in the registry's own log."""
        bodies = 0 if self.running.kind.logs is None else self._logged_bodies(mark)
        counted = sum(event.sent for event in self.events if "/blobs/uploads/" in event.path)

        assert (bodies > 0) == (counted > 0) or self.running.kind.logs is None
        return counted

    def _logged_bodies(self, mark: int) -> int:
        """Requests with a part of a blob, as the registry saw them: all that end or add to an upload."""
        uploads = [each for each in self.running.requests()[mark:] if "/blobs/uploads/" in each.target]
        return sum(each.method in ("PUT", "PATCH") or bool(each.body_size) for each in uploads)


@pytest.fixture(scope="module", params=MORE_SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    kind, auth, tls = MORE_SERVERS[request.param]
    events: list[RequestEvent] = []
    with start(kind, tmp_path_factory.mktemp("registry"), auth=auth, tls=tls) as running:
        options = registry_options(
            user=running.user, password=running.password, ca_file=running.ca_file, on_request=events.append
        )
        yield Server(running, Settings(registry=options), events)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Form], LayoutPlace]:
    """Packs a component in a form, once."""
    folder = tmp_path_factory.mktemp("packed")

    def pack(name: str, form: Form) -> LayoutPlace:
        place = LayoutPlace(folder=folder / f"{name}-{form.value}", tag="v1")
        if not place.folder.exists():
            source = Input(name=str(COMPONENTS[name]()))
            packaging_kit.pack([source], place, PackOptions(form=form, tag="v1"), SETTINGS)
        return place

    return pack


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("name", COMPONENTS)
def test_component_comes_back_as_it_was_and_is_sent_once(
    name: str, form: Form, server: Server, packed: Callable[[str, Form], LayoutPlace], tmp_path: Path
) -> None:
    source, place = packed(name, form), server.place(f"{name}/{form.value}")
    pulled = LayoutPlace(folder=tmp_path / "pulled")
    mark = server.mark()
    pushed = push(source, place, server.settings, referrers=ReferrerChoice.ALWAYS)
    sent = server.blob_bytes_since(mark)
    copy(place, pulled, server.settings, referrers=ReferrerChoice.ALWAYS)

    assert sent > 0
    assert (index_of(pulled), blobs_of(pulled)) == (index_of(source), blobs_of(source))
    assert (packaging_kit.verify(pulled, SETTINGS).problems, pushed.copied.left) == ((), ())
    assert unpack(place, tmp_path / "out", server.settings) == COMPONENTS[name]().read_bytes()

    mark = server.mark()
    again = push(source, place, server.settings, referrers=ReferrerChoice.ALWAYS)

    assert (server.blob_bytes_since(mark), again.copied.written) == (0, ())

    mark = server.mark()
    beside = server.place(f"{name}/{form.value}/beside")
    push(source, beside, server.settings, referrers=ReferrerChoice.ALWAYS, mounts=(place.reference.repository,))

    if server.running.kind.has_mount:
        assert server.blob_bytes_since(mark) == 0
    else:  # in a repository that is new, what is small is not asked for first
        assert max((event.sent for event in server.events if "/blobs/uploads/" in event.path), default=0) <= SMALL
    assert resolve(beside, server.settings) == resolve(place, server.settings)


def test_component_file_is_packed_on_the_way(server: Server, tmp_path: Path) -> None:
    component = COMPONENTS["rust"]()
    place = server.place("packed")
    pushed = push(Input(name=str(component)), place, server.settings)

    assert pushed.packed is not None
    assert pushed.copied.things[0].descriptor.digest == pushed.packed.digest
    assert unpack(place, tmp_path / "out", server.settings) == component.read_bytes()


def test_token_service_of_another_origin_gets_no_password_over_http(
    packed: Callable[[str, Form], LayoutPlace], tmp_path: Path
) -> None:
    with start("distribution", tmp_path / "registry", auth="token") as running:
        options = registry_options(user=running.user, password=running.password)
        place = registry_place(running.host, "a/b", "v1")
        with pytest.raises(RegistryError) as error:
            push(packed("rust", Form.WHOLE), place, Settings(registry=options))
        tokens = running.tokens

    assert tokens is not None
    assert (error.value.code, tokens.requests) == ("registry-untrusted", [])
