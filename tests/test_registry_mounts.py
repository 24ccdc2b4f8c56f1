"""What was sent to one repository of a registry is not sent to another one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from packaging_kit import Digest, Form, LayoutPlace, Reference, RegistryOptions, RegistryPlace, Settings
from packaging_kit.operations.copy import copy
from packaging_kit.stores.registry import mounts
from packaging_kit.stores.registry.mounts import MountHints
from tests.registry import Behaviour, Registry
from tests.repositories import pack, sample

A, B = Digest.of(b"a"), Digest.of(b"b")
HOST = "registry.test:5000"


def push(registry: Registry, layout: LayoutPlace, repository: str, hints: Path | None) -> list[str]:
    """Push to a repository; the method and path of every request that had a blob's bytes in it."""
    registry.forget_requests()
    remote = RegistryPlace(reference=Reference(host=registry.host, repository=repository, tag="v"))
    copy(layout, remote, Settings(registry=RegistryOptions(mount_hints=hints)))
    assert registry.missing(repository) == []
    return [f"{request.method} {request.path}" for request in registry.requests if is_of_a_blob(request.path, request)]


def is_of_a_blob(path: str, request: object) -> bool:
    return "/blobs/uploads/" in path and getattr(request, "body_size", 0) > 0


@pytest.fixture
def layout(tmp_path: Path) -> LayoutPlace:
    place = LayoutPlace(folder=tmp_path / "layout")
    pack(place, sample(), Form.SPLIT, tag="v")
    return replace(place, tag="v")


def test_second_repository_gets_every_blob_from_the_first_one(layout: LayoutPlace, tmp_path: Path) -> None:
    with Registry() as registry:
        first = push(registry, layout, "first", tmp_path / "cache" / "mounts")
        second = push(registry, layout, "second", tmp_path / "cache" / "mounts")

    assert (len(first) > 5, second) == (True, [])


def test_hint_that_is_wrong_does_no_harm(layout: LayoutPlace, tmp_path: Path) -> None:
    with Registry() as registry:
        push(registry, layout, "first", tmp_path / "mounts")
        registry.forget("first")
        sent = push(registry, layout, "second", tmp_path / "mounts")

    assert len(sent) > 5


def test_registry_that_does_not_mount_is_sent_everything(layout: LayoutPlace, tmp_path: Path) -> None:
    with Registry(Behaviour(mount=False)) as registry:
        first = push(registry, layout, "first", tmp_path / "mounts")
        second = push(registry, layout, "second", tmp_path / "mounts")

    assert len(second) == len(first)


def test_upload_that_a_mount_opened_and_nobody_uses_is_cancelled(layout: LayoutPlace) -> None:
    with Registry(Behaviour(mount=False)) as registry:
        remote = RegistryPlace(reference=Reference(host=registry.host, repository="second", tag="v"))
        copy(layout, remote, Settings(registry=RegistryOptions()), mounts=("none", "nothing", "nowhere"))

        assert registry.uploads("second") == {}


def test_nothing_is_kept_without_a_file(layout: LayoutPlace, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    with Registry() as registry:
        first = push(registry, layout, "first", None)
        second = push(registry, layout, "second", None)

    assert (len(second), sorted(tmp_path.rglob("*"))) == (len(first), before)


def test_last_repository_that_was_seen_comes_first_and_other_hosts_do_not_count(tmp_path: Path) -> None:
    hints = MountHints(tmp_path / "mounts")
    for name in ("one", "two", "three", "four", "four"):
        hints.add(HOST, name, (A,))
    hints.add("else.test", "other", (A, B))
    hints.save()
    again = MountHints(tmp_path / "mounts")

    assert again.find(HOST, A) == ("four",)
    assert (again.find(HOST, B), again.find("else.test", B)) == ((), ("other",))


def test_file_is_only_for_its_owner(tmp_path: Path) -> None:
    hints = MountHints(tmp_path / "mounts")
    hints.add(HOST, "one", (A,))
    hints.save()

    assert (tmp_path / "mounts").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\xff\n", b"a b\n", f"{HOST} ../x {A}".encode(), f"{HOST} one sha256:12\n".encode(), b"x" * 99_999],
)
def test_garbage_in_the_file_is_passed_over(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "mounts"
    file.write_bytes(content + b"\n")
    hints = MountHints(file)
    hints.add(HOST, "one", (B,))
    hints.save()

    assert MountHints(file).find(HOST, B) == ("one",)


def test_file_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "_MOST_BYTES", 1000)
    file = tmp_path / "mounts"
    for number in range(50):
        hints = MountHints(file)
        hints.add(HOST, f"one{number}", (A,))
        hints.save()

    assert file.stat().st_size < 1200
    assert MountHints(file).find(HOST, A)[0] == "one49"


@pytest.mark.parametrize("kind", ["folder", "link", "folder is a file"])
def test_file_that_can_not_be_written_does_no_harm(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "mounts"
    if kind == "folder":
        file.mkdir()
    elif kind == "link":
        (tmp_path / "target").write_text("untouched")
        file.symlink_to(tmp_path / "target")
    else:
        (tmp_path / "file").write_text("untouched")
        file = tmp_path / "file" / "mounts"
    hints = MountHints(file)
    hints.add(HOST, "one", (A,))
    hints.save()

    assert hints.find(HOST, A) == ("one",)
    assert {path.read_text() for path in tmp_path.iterdir() if path.is_file()} <= {"untouched"}
