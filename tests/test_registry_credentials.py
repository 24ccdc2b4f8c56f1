"""Credentials of registries: found, kept and forgotten where docker and podman keep them, and shown to nobody."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.errors import NotFoundError, PackagingKitError, RequestError, StoreError, UnavailableError
from packaging_kit.limits import MIB
from packaging_kit.stores.locks import TEMPORARY_PREFIX, folder_lock
from packaging_kit.stores.registry.credential_files import AuthFile, read_auth_file, server_of
from packaging_kit.stores.registry.credential_helpers import MAX_ANSWER_SIZE, Helper
from packaging_kit.stores.registry.credentials import Credential, CredentialFiles, CredentialStore, basic_header
from tests.real.tools import find_tool, tool_environment, why_missing

SECRET = "s3cr3t-MARKER"
HUB = "https://index.docker.io/v1/"


def auth(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def entry(user: str, password: str = "pw") -> dict[str, str]:
    return {"auth": auth(user, password)}


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def store_of(*paths: Path, **options: Any) -> CredentialStore:
    return CredentialStore(CredentialFiles(read=paths, write=paths[0], **options))


def user_for(path: Path, host: str, repository: str = "") -> str | None:
    found = store_of(path).find(host, repository)
    return None if found is None else found.username


def login(user: str = "alice", secret: str = "pw", *, token: bool = False) -> Credential:
    return Credential(username=user, secret=secret, is_identity_token=token)


# --- values ---


def test_secret_is_in_no_text_of_a_credential_or_of_what_holds_it() -> None:
    credential = login(secret=SECRET)
    files = CredentialFiles(environment={"PASSWORD": SECRET})
    helper = Helper(name="x", path="/", environment={"PASSWORD": SECRET})
    texts = f"{credential} {credential!r} {files} {files!r} {helper!r} {CredentialStore(files, given=credential)!r}"

    assert SECRET not in texts


@pytest.mark.parametrize(
    ("user", "secret"),
    [
        ("a\nb", "pw"),
        ("a\r", "pw"),
        ("a\x00", "pw"),
        ("a\x7f", "pw"),
        ("a\x85", "pw"),
        ("\ud800", "pw"),
        ("a", "p\nw"),
        ("a", "p\x00w"),
        ("a", "p\x9fw"),
        ("a", "\udfff"),
        ("a:b", "pw"),
        ("", "pw"),
    ],
)
def test_user_or_secret_that_no_header_can_carry_is_refused(user: str, secret: str) -> None:
    with pytest.raises(StoreError) as refused:
        login(user, secret)

    assert refused.value.code == "credentials-invalid"


@pytest.mark.parametrize(("user", "secret"), [("", ""), ("a:b", "token"), ("a", "to\nken")])
def test_identity_token_that_is_empty_or_cannot_be_sent_is_refused(user: str, secret: str) -> None:
    with pytest.raises(StoreError) as refused:
        login(user, secret, token=True)

    assert refused.value.code == "credentials-invalid"


@pytest.mark.parametrize(
    ("user", "secret", "header"),
    [
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617
        ("test", "123£", "Basic dGVzdDoxMjPCow=="),  # RFC 7617, as UTF-8
        ("user", "with:colon", "Basic dXNlcjp3aXRoOmNvbG9u"),
        ("user", "", "Basic dXNlcjo="),
        ("user", "x" * 100, "Basic " + auth("user", "x" * 100)),  # one line
    ],
)
def test_basic_header_is_as_the_standard_says(user: str, secret: str, header: str) -> None:
    assert basic_header(login(user, secret)) == header


def test_identity_token_makes_no_basic_header() -> None:
    with pytest.raises(StoreError) as refused:
        basic_header(login(secret=SECRET, token=True))

    assert (refused.value.code, SECRET in str(refused.value)) == ("credentials-invalid", False)


# --- which entry of a file counts ---

KEYS = {
    "a host": ("ghcr.io", "ghcr.io", "", True),
    "a host with a port": ("localhost:5000", "localhost:5000", "", True),
    "an https URL": ("https://ghcr.io", "ghcr.io", "", True),
    "an https URL with a slash": ("https://ghcr.io/", "ghcr.io", "", True),
    "an http URL": ("http://localhost:5000", "localhost:5000", "", True),
    "a URL in capitals": ("HTTPS://GHCR.IO", "ghcr.io", "", True),
    "a URL of the first API": ("https://ghcr.io/v1/", "ghcr.io", "", True),
    "a URL of the second API": ("https://ghcr.io/v2/", "ghcr.io", "", True),
    "a URL of the API without a slash": ("https://ghcr.io/v2", "ghcr.io", "", True),
    "an API without a scheme": ("ghcr.io/v1/", "ghcr.io", "", True),
    "another case in the file": ("GHCR.io", "ghcr.io", "", True),
    "another case in the question": ("ghcr.io", "GHCR.IO", "", True),
    "Docker's key": (HUB, "docker.io", "", True),
    "Docker's host": ("docker.io", "docker.io", "", True),
    "Docker's index": ("index.docker.io", "docker.io", "", True),
    "Docker's API host": ("https://registry-1.docker.io/v2/", "docker.io", "", True),
    "Docker asked by its API host": (HUB, "registry-1.docker.io", "", True),
    "a namespace": ("quay.io/team", "quay.io", "team/app", True),
    "a namespace with a slash": ("quay.io/team/", "quay.io", "team/app", True),
    "a repository": ("quay.io/team/app", "quay.io", "team/app", True),
    "a repository of Docker's": ("docker.io/library/app", "docker.io", "library/app", True),
    "a namespace in a URL": ("https://quay.io/team", "quay.io", "team/app", True),
    "a host, for any repository": ("quay.io", "quay.io", "team/app", True),
    "a host for its port": ("localhost", "localhost:5000", "", False),
    "a port for its host": ("localhost:5000", "localhost", "", False),
    "a host for its usual port": ("ghcr.io", "ghcr.io:443", "", False),
    "a usual port for its host": ("https://ghcr.io:443", "ghcr.io", "", False),
    "a domain for its host": ("example.com", "registry.example.com", "", False),
    "a host for its domain": ("registry.example.com", "example.com", "", False),
    "a host in a user": ("https://ghcr.io@evil.example/", "ghcr.io", "", False),
    "a user before a host": ("https://user@ghcr.io/", "ghcr.io", "", False),
    "a host in a path": ("evil.example/ghcr.io", "ghcr.io", "", False),
    "a host that is called as a scheme": ("http", "http", "", True),
    "another scheme": ("ftp://ghcr.io", "ghcr.io", "", False),
    "another namespace": ("quay.io/team", "quay.io", "other/app", False),
    "a namespace that begins alike": ("quay.io/team", "quay.io", "teams/app", False),
    "a repository below": ("quay.io/team/app", "quay.io", "team", False),
    "a namespace for the host": ("quay.io/team", "quay.io", "", False),
    "a namespace in another case": ("quay.io/Team", "quay.io", "team", False),
    "a namespace called as the API": ("quay.io/v2", "quay.io", "", False),
    "what docker keeps beside Docker's key": (HUB + "refresh-token", "docker.io", "library/app", False),
}


@pytest.mark.parametrize(("key", "host", "repository", "counts"), KEYS.values(), ids=KEYS.keys())
def test_entry_counts_for_what_its_key_names(
    key: str, host: str, repository: str, counts: bool, tmp_path: Path
) -> None:
    path = write(tmp_path / "auth.json", {"auths": {key: entry("alice")}})

    assert user_for(path, host, repository) == ("alice" if counts else None)


def test_most_specific_entry_counts_wherever_it_stands(tmp_path: Path) -> None:
    keys = ("quay.io/a", "quay.io", "quay.io/a/b/c", "quay.io/a/b")
    path = write(tmp_path / "auth.json", {"auths": {key: entry(key) for key in keys}})
    repositories = ("", "x", "a", "a/x", "a/b", "a/b/x/y", "a/b/c", "a/b/c/d", "a/bb")

    assert [user_for(path, "quay.io", repository) for repository in repositories] == [
        "quay.io",
        "quay.io",
        "quay.io/a",
        "quay.io/a",
        "quay.io/a/b",
        "quay.io/a/b",
        "quay.io/a/b/c",
        "quay.io/a/b/c",
        "quay.io/a",
    ]


@pytest.mark.parametrize(
    ("host", "keys", "first"),
    [
        ("ghcr.io", ["https://ghcr.io", "GHCR.io", "ghcr.io", "http://ghcr.io"], "ghcr.io"),
        ("docker.io", ["docker.io", "https://registry-1.docker.io", HUB, "index.docker.io"], HUB),
        ("ghcr.io", ["https://ghcr.io", "http://ghcr.io"], "https://ghcr.io"),
    ],
)
def test_of_several_keys_for_a_host_the_usual_one_counts_then_the_first(
    host: str, keys: list[str], first: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "auth.json", {"auths": {key: entry("first" if key == first else "other") for key in keys}})

    assert user_for(path, host) == "first"


# --- what an entry says ---

ENTRIES: dict[str, tuple[object, Credential | None]] = {
    "user and password": (entry("alice"), login()),
    "password with a colon": (entry("alice", "p:w"), login(secret="p:w")),
    "password in UTF-8": (entry("alïce", "päss"), login("alïce", "päss")),
    "no password": (entry("alice", ""), login(secret="")),
    "NUL around the password": (entry("alice", "\0pw\0\0"), login()),
    "fields of their own": ({"username": "alice", "password": "pw"}, login()),
    "auth goes before fields": (entry("alice") | {"username": "bob", "password": "no"}, login()),
    "identity token": ({"identitytoken": "tok"}, login("<token>", "tok", token=True)),
    "identity token and user": (entry("alice", "") | {"identitytoken": "tok"}, login("alice", "tok", token=True)),
    "identity token and field": ({"username": "al", "identitytoken": "tok"}, login("al", "tok", token=True)),
    "another case": ({"IdentityToken": "tok"}, login("<token>", "tok", token=True)),
    "nulls": (entry("alice") | {"identitytoken": None}, login()),
    "nothing": ({}, None),
    "null": (None, None),
    "user alone": ({"username": "alice"}, None),
    "e-mail alone": ({"email": "a@example.com"}, None),
    "empty auth": ({"auth": ""}, None),
    "a registry token alone": ({"registrytoken": "tok"}, None),
}


@pytest.mark.parametrize(("content", "expected"), ENTRIES.values(), ids=ENTRIES.keys())
def test_entry_is_read_as_docker_reads_it(content: object, expected: Credential | None, tmp_path: Path) -> None:
    path = write(tmp_path / "config.json", {"auths": {"ghcr.io": content}})

    assert store_of(path).find("ghcr.io") == expected


def test_entry_without_a_credential_leaves_it_to_a_less_specific_one(tmp_path: Path) -> None:
    path = write(tmp_path / "auth.json", {"auths": {"quay.io/a": {}, "quay.io": entry("alice")}})

    assert user_for(path, "quay.io", "a/b") == "alice"


def config(content: object) -> bytes:
    return json.dumps(content).encode()


INVALID = {
    "text": b"auths: {}",
    "cut off": b'{"auths": {"ghcr.io": {"auth": "' + SECRET.encode(),
    "an array": config([SECRET]),
    "null": b"null",
    "a name twice": b'{"auths": {}, "auths": {"%s": 1}}' % SECRET.encode(),
    "a huge number": b'{"x": %s}' % (b"1" * 40),
    "not UTF-8": b'{"x": "\xff%s"}' % SECRET.encode(),
    "deep": b'{"x":' + b"[" * 100 + b"]" * 100 + b"}",
    "auths an array": config({"auths": [SECRET]}),
    "an entry that is text": config({"auths": {"ghcr.io": SECRET}}),
    "an entry that is an array": config({"auths": {"ghcr.io": []}}),
    "auth a number": config({"auths": {"ghcr.io": {"auth": 1}}}),
    "a token that is an object": config({"auths": {"ghcr.io": {"identitytoken": {"x": SECRET}}}}),
    "a password that is a list": config({"auths": {"ghcr.io": {"username": "a", "password": [SECRET]}}}),
    "a user that is a number": config({"auths": {"ghcr.io": {"username": 1, "password": SECRET}}}),
    "no Base64": config({"auths": {"ghcr.io": {"auth": f"*{SECRET}*"}}}),
    "Base64 that is not ASCII": config({"auths": {"ghcr.io": {"auth": "äöü" + SECRET}}}),
    "Base64 with a space": config({"auths": {"ghcr.io": {"auth": " " + auth("alice", SECRET)}}}),
    "Base64 without its padding": config({"auths": {"ghcr.io": {"auth": auth("a", SECRET + "1").rstrip("=")}}}),
    "Base64 that goes on": config({"auths": {"ghcr.io": {"auth": auth("a", SECRET + "1") + "AAAA"}}}),
    "no colon": config({"auths": {"ghcr.io": {"auth": base64.b64encode(SECRET.encode()).decode()}}}),
    "no user": config({"auths": {"ghcr.io": entry("", SECRET)}}),
    "bytes that are no text": config({"auths": {"ghcr.io": {"auth": base64.b64encode(b"a:\xff").decode()}}}),
    "a newline in the password": config({"auths": {"ghcr.io": entry("alice", SECRET + "\n")}}),
    "a newline in the user": config({"auths": {"ghcr.io": entry(SECRET + "\r\n", "pw")}}),
    "NUL inside the password": config({"auths": {"ghcr.io": entry("alice", f"{SECRET}\0x")}}),
    "a newline in a token": config({"auths": {"ghcr.io": {"identitytoken": SECRET + "\n"}}}),
    "credsStore a number": config({"credsStore": 1}),
    "credsStore a path": config({"credsStore": f"../{SECRET}"}),
    "credsStore with a backslash": config({"credsStore": f"a\\{SECRET}"}),
    "credsStore with a newline": config({"credsStore": f"{SECRET}\n"}),
    "credHelpers text": config({"credHelpers": SECRET}),
    "a helper that is an object": config({"credHelpers": {"ghcr.io": {"x": SECRET}}}),
    "a helper with a space": config({"credHelpers": {"ghcr.io": f"{SECRET} x"}}),
    "too large": b"{" + b" " * MIB + b"}",
}


def iter_chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        yield from iter_chain(error.__cause__)
        error = error.__context__


def all_that_is_said_by(error: BaseException) -> str:
    """Every text of an exception and of what it was raised from, with all that these carry."""
    return "\n".join(
        f"{exc} {exc!r} {exc.args} {vars(exc) if hasattr(exc, '__dict__') else ''} {getattr(exc, 'object', '')!r}"
        for exc in iter_chain(error)
    )


@pytest.mark.parametrize("content", INVALID.values(), ids=INVALID.keys())
def test_file_that_cannot_be_used_is_named_and_never_quoted(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)

    with pytest.raises(StoreError) as refused:
        store_of(path, path="").find("ghcr.io")

    said = all_that_is_said_by(refused.value)
    quoted = [
        text for text in (SECRET, SECRET.encode().hex(), base64.b64encode(SECRET.encode()).decode()) if text in said
    ]
    assert (refused.value.code, str(path) in str(refused.value), quoted) == ("credentials-invalid", True, [])


def test_defect_of_another_hosts_entry_harms_nobody(tmp_path: Path) -> None:
    path = write(tmp_path / "config.json", {"auths": {"bad.example": 7, "ghcr.io": entry("alice")}})

    assert user_for(path, "ghcr.io") == "alice"


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"{}", b'{"auths": null, "credHelpers": null, "credsStore": null}', b'{"credsStore": ""}']
)
def test_file_that_says_nothing_has_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(content)

    assert store_of(tmp_path / "config.json", path="").find("ghcr.io") is None


def test_names_of_fields_are_told_apart_without_regard_to_case(tmp_path: Path, helper: MakeHelper) -> None:
    helper("pass", {"ghcr.io": ["from-helper", "pw"]})
    one = write(tmp_path / "one", {"AUTHS": {"ghcr.io": entry("alice")}})
    both = write(tmp_path / "both", {"AUTHS": {"ghcr.io": entry("other")}, "auths": {"ghcr.io": entry("usual")}})
    other = write(tmp_path / "other", {"credSstore": "pass"})
    found = CredentialStore(helper.files(other)).find("ghcr.io")

    assert (user_for(one, "ghcr.io"), user_for(both, "ghcr.io"), found) == ("alice", "usual", login("from-helper"))


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(auth("a", "b")),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["auths", "credsStore", "credHelpers", "h", "h/a", "https://h", "auth", "identitytoken"]
                )
                | st.text(max_size=5),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ).map(config)
)
def test_any_content_gives_a_result_or_our_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = folder / "config.json"
    path.write_bytes(content)
    store = store_of(path, path="")
    steps: tuple[Callable[[], object], ...] = (
        lambda: store.find("h", "a/b"),
        lambda: store.save("h", login()),
        lambda: store.find("h"),
        lambda: store.erase("h"),
    )
    results = [_result_of(step) for step in steps]

    assert results[1] != str(path) or results[2:] == [login(), (str(path),)]


def _result_of(step: Callable[[], object]) -> object:
    try:
        return step()
    except PackagingKitError as exc:
        return exc.code


# --- files ---


def test_first_file_that_has_one_counts_and_absent_ones_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    first = write(tmp_path / "first", {"auths": {"ghcr.io": entry("first")}})
    second = write(tmp_path / "second", {"auths": {"ghcr.io": entry("second"), "quay.io": entry("second")}})
    store = store_of(tmp_path / "absent", tmp_path / "plain" / "below", first, second)
    found = [store.find(host) for host in ("ghcr.io", "quay.io", "docker.io")]

    assert found == [login("first"), login("second"), None]


def test_entry_of_the_first_file_counts_though_a_later_one_has_a_more_specific(tmp_path: Path) -> None:
    first = write(tmp_path / "first", {"auths": {"quay.io": entry("first")}})
    second = write(tmp_path / "second", {"auths": {"quay.io/a": entry("second")}})

    assert store_of(first, second).find("quay.io", "a") == login("first")


def test_given_credential_wins(tmp_path: Path) -> None:
    path = write(tmp_path / "auth.json", {"auths": {"ghcr.io": entry("alice")}})
    store = CredentialStore(CredentialFiles(read=(path,)), given=login("given"))

    assert store.find("ghcr.io") == login("given")


def test_nothing_is_found_where_no_file_is_named() -> None:
    assert CredentialStore(CredentialFiles()).find("ghcr.io") is None


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_plain_file_is_refused_and_not_waited_for(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "config.json")

    with pytest.raises(StoreError) as refused:
        store_of(tmp_path / "config.json").find("ghcr.io")

    assert (refused.value.code, "not a plain file" in str(refused.value)) == ("credentials-invalid", True)


def test_file_that_is_too_large_is_refused_for_that(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"{}" + b" " * (MIB - 1))

    with pytest.raises(StoreError, match="has more than 1048576 bytes"):
        store_of(tmp_path / "config.json").find("ghcr.io")


def test_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    content = config({"auths": {"ghcr.io": entry("alice")}})
    path = tmp_path / "config.json"
    path.write_bytes(content + b" " * (MIB - len(content)))

    assert user_for(path, "ghcr.io") == "alice"


def test_file_that_cannot_be_opened_is_an_io_error(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    store = store_of(tmp_path / "loop")

    for step in (lambda: store.find("h"), lambda: store.save("h", login()), lambda: store.erase("h")):
        with pytest.raises(UnavailableError) as failed:
            step()
        assert failed.value.code == "io-error"


# --- saving ---


def test_saved_credential_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "config.json"
    store = store_of(path)
    place = store.save("ghcr.io", login("alïce", "p:ä"))

    assert (place, store.find("ghcr.io"), store.find("ghcr.io:443")) == (str(path), login("alïce", "p:ä"), None)


@pytest.mark.parametrize("before", [None, "", "{}", '{\n"auths": {}\n}'])
def test_new_file_is_as_docker_writes_it(before: str | None, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    if before is not None:
        path.write_text(before)
    store_of(path).save("docker.io", login())

    text = json.dumps({"auths": {HUB: entry("alice")}}, indent="\t")
    assert path.read_text() == text


@pytest.mark.parametrize("user", ["alice", "<token>", ""])
def test_identity_token_comes_back_as_one(user: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    store_of(path).save("ghcr.io", login(user, "tok", token=True))
    fields = json.loads(path.read_text())["auths"]["ghcr.io"]
    kept = {"auth": auth("alice", "")} if user == "alice" else {}

    assert store_of(path).find("ghcr.io") == login(user or "<token>", "tok", token=True)
    assert fields == kept | {"identitytoken": "tok"}


def test_file_and_new_folders_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "config.json"
    umask = os.umask(0)
    try:
        store_of(path).save("ghcr.io", login())
    finally:
        os.umask(umask)

    assert [mode_of(each) for each in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]


def version_of(path: Path) -> tuple[int, int]:
    """What is another one once the file was written."""
    return path.stat().st_ino, path.stat().st_mtime_ns


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("change", [lambda s: s.save("ghcr.io", login()), lambda s: s.erase("quay.io")])
def test_file_that_others_could_read_no_longer_is_one(
    change: Callable[[CredentialStore], object], tmp_path: Path
) -> None:
    path = write(tmp_path / "config.json", {"auths": {"quay.io": entry("bob")}})
    path.chmod(0o666)
    change(store_of(path))

    assert mode_of(path) == 0o600


def test_secret_is_never_in_a_file_that_others_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[tuple[int, bool]] = []
    fsync = os.fsync

    def look_first(handle: int) -> None:
        status = os.fstat(handle)
        if stat.S_ISREG(status.st_mode):
            modes.append((stat.S_IMODE(status.st_mode), status.st_size > 0))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", look_first)
    real_open, opened = os.open, []

    def note(path: Any, flags: int, mode: int = 0o777, **rest: Any) -> int:
        if flags & os.O_CREAT:
            opened.append((mode, bool(flags & os.O_EXCL)))
        return real_open(path, flags, mode, **rest)

    monkeypatch.setattr(os, "open", note)
    store_of(tmp_path / "config.json").save("ghcr.io", login())

    assert (modes, opened) == ([(0o600, True)], [(0o600, True)])


LAYOUTS = {
    "tabs": '{\n\t"auths": {},\n\t"psFormat": "x"\n}',
    "two spaces and a newline": '{\n  "psFormat": "x",\n  "auths": {}\n}\n',
    "four spaces": '{\n    "auths": {},\n    "z": [\n        1,\n        2.5\n    ],\n    "a": null\n}',
    "one line": '{"z": "ä€\U0001f600", "auths": {}, "a": {"b": true}}\n',
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_rest_of_the_file_stays_as_it_was(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    store_of(path).save("ghcr.io", login())
    saved = path.read_text(encoding="utf-8")
    store_of(path).erase("ghcr.io")

    assert (path.read_text(encoding="utf-8"), '"ghcr.io"' in saved, saved.count("\n") > 1) == (
        text,
        True,
        "\n" in text.strip(),
    )


def test_fields_and_entries_that_we_do_not_know_survive(tmp_path: Path) -> None:
    before = {
        "HttpHeaders": {"X": "y"},
        "Auths": {"quay.io": entry("bob"), "ghcr.io": {"email": "a@example.com", "Password": "old", "auth": "bad"}},
        "plugins": {"p": {"q": "r"}},
    }
    path = write(tmp_path / "config.json", before)
    store_of(path).save("ghcr.io", login())
    after = json.loads(path.read_text())

    assert list(after) == list(before)
    assert after == before | {
        "Auths": {"quay.io": entry("bob"), "ghcr.io": {"email": "a@example.com"} | entry("alice")}
    }


def test_saved_credential_counts_though_the_host_stood_there_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path / "config.json", {"auths": {"https://ghcr.io/v1/": entry("old"), "GHCR.io": entry("older")}})
    store_of(path).save("GHCR.IO", login("new"))

    assert user_for(path, "ghcr.io") == "new"


@pytest.mark.parametrize("before", [7, "text", None, [1]])
def test_entry_that_is_no_object_is_replaced(before: object, tmp_path: Path) -> None:
    path = write(tmp_path / "config.json", {"auths": {"ghcr.io": before}})
    store_of(path).save("ghcr.io", login())

    assert json.loads(path.read_text()) == {"auths": {"ghcr.io": entry("alice")}}


@pytest.mark.parametrize("is_there", [True, False])
def test_link_is_followed_and_stays_a_link(is_there: bool, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "docker.json"
    if is_there:
        target.parent.mkdir()
        write(target, {"psFormat": "x"})
    (tmp_path / "config.json").symlink_to(Path("dotfiles") / "docker.json")
    store_of(tmp_path / "config.json").save("ghcr.io", login())

    assert (tmp_path / "config.json").is_symlink()
    assert (mode_of(target), list(json.loads(target.read_text()))) == (0o600, ["psFormat"] * is_there + ["auths"])
    assert sorted(path.name for path in target.parent.iterdir()) == ["docker.json"]


def test_file_that_is_invalid_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b"{broken")

    with pytest.raises(StoreError) as refused:
        store_of(path).save("ghcr.io", login(secret=SECRET))

    assert (refused.value.code, path.read_bytes(), SECRET in all_that_is_said_by(refused.value)) == (
        "credentials-invalid",
        b"{broken",
        False,
    )


def test_login_that_fails_leaves_the_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "config.json", {"auths": {}})

    def refuse(handle: int) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(UnavailableError) as failed:
        store_of(path).save("ghcr.io", login(secret=SECRET))

    assert (failed.value.code, SECRET in all_that_is_said_by(failed.value)) == ("io-error", False)
    assert ([each.name for each in tmp_path.iterdir()], path.read_text()) == (["config.json"], '{"auths": {}}')


def test_login_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    (tmp_path / f"{TEMPORARY_PREFIX}1-1").write_text(SECRET)
    store_of(tmp_path / "config.json").save("ghcr.io", login())

    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_logins_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    script = (
        "import sys; from pathlib import Path; "
        "from packaging_kit.stores.registry.credentials import *; "
        "s = CredentialStore(CredentialFiles(write=Path(sys.argv[1]))); "
        "[s.save(f'{sys.argv[2]}-{n}.example', Credential(username='u', secret='p')) for n in range(20)]"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script, str(path), name]) for name in ("a", "b")]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: store_of(path).save(f"thread-{n}.example", login()), range(20)))

    assert [process.wait(60) for process in processes] == [0, 0]
    assert len(json.loads(path.read_text())["auths"]) == 60


def test_login_waits_for_who_is_at_work_on_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "config.json", {})
    with ThreadPoolExecutor(1) as pool, folder_lock(tmp_path):
        saving = pool.submit(store_of(path).save, "ghcr.io", login())
        time.sleep(0.1)
        waited = not saving.done()
        write(path, {"auths": {"quay.io": entry("bob")}})
    saving.result(10)

    assert (waited, sorted(json.loads(path.read_text())["auths"])) == (True, ["ghcr.io", "quay.io"])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the administrator gives files away")
def test_file_of_another_user_stays_theirs(tmp_path: Path) -> None:
    path = write(tmp_path / "config.json", {})
    os.chown(path, 1234, 2345)
    store_of(path).save("ghcr.io", login())

    assert (path.stat().st_uid, path.stat().st_gid, mode_of(path)) == (1234, 2345, 0o600)


def test_login_without_a_place_for_it_is_refused() -> None:
    with pytest.raises(RequestError) as refused:
        CredentialStore(CredentialFiles()).save("ghcr.io", login())

    assert refused.value.code == "credentials-unplaced"


# --- forgetting ---


def test_logout_forgets_every_spelling_in_every_file_and_nothing_else(tmp_path: Path) -> None:
    keys = ("ghcr.io", "https://ghcr.io", "GHCR.io/v2/", "ghcr.io:443", "ghcr.io/team", "quay.io")
    one = write(tmp_path / "one", {"auths": {key: entry("alice") for key in keys}})
    other = write(tmp_path / "other", {"auths": {"ghcr.io": {"identitytoken": "tok"}}})
    third = write(tmp_path / "third", {"auths": {"quay.io": entry("bob")}})
    written = write(tmp_path / "written", {"auths": {"http://ghcr.io": 7}})
    files = CredentialFiles(read=(one, tmp_path / "absent", other, third), write=written)
    places = CredentialStore(files).erase("ghcr.io")

    assert places == (str(one), str(other), str(written))
    assert [list(json.loads(path.read_text())["auths"]) for path in (one, other, third, written)] == [
        ["ghcr.io:443", "ghcr.io/team", "quay.io"],
        [],
        ["quay.io"],
        [],
    ]


def test_logout_of_docker_forgets_all_its_names(tmp_path: Path) -> None:
    keys = (HUB, "docker.io", "index.docker.io", "https://registry-1.docker.io/v2/", HUB + "refresh-token")
    path = write(tmp_path / "one", {"auths": {key: entry("alice") for key in keys}})
    store_of(path).erase("docker.io")

    assert list(json.loads(path.read_text())["auths"]) == [HUB + "refresh-token"]


@pytest.mark.parametrize("content", [{}, {"auths": {"quay.io": {"auth": "x"}}}, {"auths": {"ghcr.io": {}}}])
def test_logout_where_nobody_has_one_is_not_found(content: object, tmp_path: Path) -> None:
    path = write(tmp_path / "config.json", content)

    with pytest.raises(NotFoundError) as missing:
        store_of(path, tmp_path / "absent").erase("ghcr.io")

    assert (missing.value.code, (tmp_path / "absent").exists()) == ("not-found", False)


def test_logout_leaves_a_file_alone_that_has_nothing_for_the_host(tmp_path: Path) -> None:
    one = write(tmp_path / "one", {"auths": {"ghcr.io": entry("alice")}})
    other = write(tmp_path / "other", {"auths": {"quay.io": entry("alice"), "ghcr.io/team": entry("bob")}})
    before = version_of(other)
    store_of(one, other).erase("ghcr.io")

    assert version_of(other) == before


def test_logout_goes_on_where_one_file_is_invalid_and_says_so(tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(b"{")
    good = write(tmp_path / "good", {"auths": {"ghcr.io": entry("alice")}})

    with pytest.raises(StoreError) as refused:
        store_of(bad, good).erase("ghcr.io")

    assert (refused.value.code, json.loads(good.read_text())) == ("credentials-invalid", {"auths": {}})


# --- helper programs ---

HELPER = """#!{python}
import json, os, pathlib, sys
folder = pathlib.Path(__file__).resolve().parent
name = pathlib.Path(__file__).name
kept = folder / (name + ".kept")
action, given = sys.argv[1], sys.stdin.read()
with open(folder / "calls", "a") as calls:
    calls.write(json.dumps([name, sys.argv[1:], given, os.environ.get("EXTRA")]) + "\\n")
secrets = json.loads(kept.read_text())
if action == "store":
    new = json.loads(given)
    secrets[new["ServerURL"]] = [new["Username"], new["Secret"]]
elif given not in secrets:
    print("credentials not found in native keychain")
    sys.exit(1)
elif action == "get":
    print(json.dumps(dict(ServerURL=given, Username=secrets[given][0], Secret=secrets[given][1])))
elif action == "erase":
    del secrets[given]
kept.write_text(json.dumps(secrets))
"""


class MakeHelper:
    """Makes real helper programs, which note how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str, secrets: dict[str, list[str]]) -> None:
        (self.folder / f"docker-credential-{name}.kept").write_text(json.dumps(secrets))
        self.script(name, HELPER.replace("{python}", sys.executable))

    def script(self, name: str, text: str) -> None:
        program = self.folder / f"docker-credential-{name}"
        program.write_text(text)
        program.chmod(0o755)

    def files(self, *paths: Path) -> CredentialFiles:
        return CredentialFiles(
            read=paths, write=paths[0], path=str(self.folder), environment={"EXTRA": "e", "PATH": os.defpath}
        )

    def calls(self) -> list[list[Any]]:
        noted = self.folder / "calls"
        return [json.loads(line) for line in noted.read_text().splitlines()] if noted.exists() else []

    def kept(self, name: str) -> dict[str, list[str]]:
        kept: dict[str, list[str]] = json.loads((self.folder / f"docker-credential-{name}.kept").read_text())
        return kept


@pytest.fixture
def helper(tmp_path: Path) -> MakeHelper:
    folder = tmp_path / "helpers"
    folder.mkdir()
    return MakeHelper(folder)


ORDER = {
    "the host's helper before the store": ({"credHelpers": {"ghcr.io": "one"}, "credsStore": "two"}, "one"),
    "the store for other hosts": ({"credHelpers": {"quay.io": "one"}, "credsStore": "two"}, "two"),
    "a helper before the file": ({"credsStore": "two", "auths": {"ghcr.io": entry("inline")}}, "two"),
    "the host's helper before the file": (
        {"credHelpers": {"ghcr.io": "one"}, "auths": {"ghcr.io/a": entry("inline")}},
        "one",
    ),
    "the file where the helper has nothing": ({"credsStore": "none", "auths": {"ghcr.io": entry("inline")}}, "inline"),
    "no store where the host's helper has nothing": ({"credHelpers": {"ghcr.io": "none"}, "credsStore": "two"}, None),
    "no helper where the host's is empty": (
        {"credHelpers": {"ghcr.io": ""}, "credsStore": "two", "auths": {"ghcr.io": entry("inline")}},
        "inline",
    ),
    "a URL among the helpers": ({"credHelpers": {"https://GHCR.io": "one"}}, "one"),
    "a namespace has no helper": ({"credHelpers": {"ghcr.io/a": "one"}}, None),
    "a port has another helper": ({"credHelpers": {"ghcr.io:443": "one"}}, None),
}


@pytest.mark.parametrize(("content", "expected"), ORDER.values(), ids=ORDER.keys())
def test_order_within_a_file_is_dockers(
    content: object, expected: str | None, helper: MakeHelper, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        helper(name, {"ghcr.io": [name, "pw"]})
    helper("none", {})
    found = CredentialStore(helper.files(write(tmp_path / "config.json", content))).find("ghcr.io", "a/b")

    assert (found and found.username) == expected


def test_next_file_is_asked_where_a_helper_has_nothing(helper: MakeHelper, tmp_path: Path) -> None:
    helper("none", {})
    first = write(tmp_path / "first", {"credsStore": "none"})
    second = write(tmp_path / "second", {"auths": {"ghcr.io": entry("alice")}})

    assert CredentialStore(helper.files(first, second)).find("ghcr.io") == login()


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (["alice", "pä:ss"], login(secret="pä:ss")),
        (["<token>", "tok"], login("<token>", "tok", token=True)),
        (["alice", ""], login(secret="")),
        (["", ""], None),
    ],
)
def test_answer_of_a_helper_is_read_as_docker_reads_it(
    kept: list[str], expected: Credential | None, helper: MakeHelper, tmp_path: Path
) -> None:
    helper("pass", {"ghcr.io": kept})
    path = write(tmp_path / "config.json", {"credsStore": "pass"})

    assert CredentialStore(helper.files(path)).find("ghcr.io") == expected


@pytest.mark.parametrize(
    ("host", "server"), [("ghcr.io", "ghcr.io"), ("LocalHost:5000", "localhost:5000"), ("docker.io", HUB)]
)
@pytest.mark.parametrize("credential", [login(secret=SECRET), login("<token>", SECRET, token=True)])
def test_login_and_logout_with_a_helper_leave_no_secret_in_a_file_or_an_argument(
    host: str, server: str, credential: Credential, helper: MakeHelper, tmp_path: Path
) -> None:
    helper("pass", {})
    path = write(tmp_path / "config.json", {"credsStore": "pass", "auths": {server: entry("old")}})
    store = CredentialStore(helper.files(path))
    saved, found = store.save(host, credential), store.find(host)
    kept = helper.kept("pass")
    forgotten = store.erase(host)

    assert (saved, found, forgotten) == ("docker-credential-pass", credential, ("docker-credential-pass",))
    assert (kept, helper.kept("pass")) == ({server: [credential.username, SECRET]}, {})
    assert json.loads(path.read_text()) == {"credsStore": "pass", "auths": {}}
    assert [[*call[:2], call[3]] for call in helper.calls()] == [
        ["docker-credential-pass", [action], "e"] for action in ("store", "get", "get", "erase")
    ]


def test_identity_token_goes_to_a_helper_under_the_name_that_says_so(helper: MakeHelper, tmp_path: Path) -> None:
    helper("pass", {})
    path = write(tmp_path / "config.json", {"credHelpers": {"ghcr.io": "pass"}})
    CredentialStore(helper.files(path)).save("ghcr.io", login("alice", "tok", token=True))

    assert helper.kept("pass") == {"ghcr.io": ["<token>", "tok"]}


def test_login_with_a_helper_leaves_the_file_alone_where_it_holds_no_secret(helper: MakeHelper, tmp_path: Path) -> None:
    helper("pass", {})
    path = write(tmp_path / "config.json", {"credsStore": "pass", "auths": {"ghcr.io": {}}})
    before = version_of(path)
    CredentialStore(helper.files(path)).save("ghcr.io", login())

    assert version_of(path) == before


def test_logout_forgets_in_helpers_and_files(helper: MakeHelper, tmp_path: Path) -> None:
    helper("one", {"ghcr.io": ["a", "b"], "quay.io": ["a", "b"]})
    helper("two", {})
    first = write(tmp_path / "first", {"credsStore": "one", "auths": {"ghcr.io": {}}})
    second = write(tmp_path / "second", {"credHelpers": {"ghcr.io": "two"}, "auths": {"ghcr.io": entry("alice")}})
    third = write(tmp_path / "third", {"credsStore": "one"})
    places = CredentialStore(helper.files(first, second, third)).erase("ghcr.io")

    assert (places, list(helper.kept("one"))) == (("docker-credential-one", str(second)), ["quay.io"])
    assert [json.loads(path.read_text())["auths"] for path in (first, second)] == [{}, {}]


def test_logout_goes_on_where_a_helper_is_missing_and_says_so(helper: MakeHelper, tmp_path: Path) -> None:
    path = write(tmp_path / "config.json", {"credsStore": "gone", "auths": {"ghcr.io": entry("alice")}})

    with pytest.raises(UnavailableError) as failed:
        CredentialStore(helper.files(path)).erase("ghcr.io")

    assert (failed.value.code, json.loads(path.read_text())["auths"]) == ("credential-helper-failed", {})


def test_without_a_path_no_helper_is_run(helper: MakeHelper, tmp_path: Path) -> None:
    helper("pass", {"ghcr.io": ["helper", "pw"]})
    path = write(tmp_path / "config.json", {"credsStore": "pass", "auths": {"ghcr.io": entry("inline")}})
    store = store_of(path)
    found = store.find("ghcr.io")
    with pytest.raises(UnavailableError) as failed:
        store.save("ghcr.io", login(secret=SECRET))
    forgotten = store.erase("ghcr.io")

    assert (found, failed.value.code, forgotten) == (login("inline"), "credential-helper-failed", (str(path),))
    assert (helper.calls(), SECRET in path.read_text()) == ([], False)


FAILING = {
    "fails": f"echo {SECRET}; echo {SECRET} >&2; exit 3",
    "fails with the message of success": f'echo \'{{"Username":"a","Secret":"{SECRET}"}}\'; exit 1',
    "says that it has nothing and more": f"echo credentials not found in native keychain {SECRET}; exit 1",
    "is killed": "kill -9 $$",
    "answers no JSON": f"echo {SECRET}",
    "answers JSON cut off": f'echo \'{{"Secret": "{SECRET}"\'',
    "answers an array": f"echo '[\"{SECRET}\"]'",
    "answers nothing": "true",
    "answers no user": f'echo \'{{"Secret": "{SECRET}"}}\'',
    "answers no secret": 'echo \'{"Username": "a"}\'',
    "answers a number": f'echo \'{{"Username": "{SECRET}", "Secret": 1}}\'',
    "answers too much": f"while :; do echo {SECRET} || exit; done",
}


CASES = [(action, commands) for commands in FAILING.values() for action in ("find", "erase")] + [
    ("save", FAILING["fails"]),
    ("save", FAILING["is killed"]),
]


@pytest.mark.parametrize(("action", "commands"), CASES)
def test_helper_that_fails_is_named_and_never_quoted(
    action: str, commands: str, helper: MakeHelper, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    helper.script("bad", f"#!/bin/sh\n{commands}\n")
    path = write(tmp_path / "config.json", {"credsStore": "bad"})
    store = CredentialStore(helper.files(path))
    steps: dict[str, Callable[[], object]] = {
        "find": lambda: store.find("ghcr.io"),
        "save": lambda: store.save("ghcr.io", login(secret=SECRET)),
        "erase": lambda: store.erase("ghcr.io"),
    }

    with pytest.raises(UnavailableError) as failed:
        steps[action]()

    said = all_that_is_said_by(failed.value) + "".join(capfd.readouterr())
    assert (failed.value.code, "docker-credential-bad" in str(failed.value), SECRET in said) == (
        "credential-helper-failed",
        True,
        False,
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"Username": "a\n", "Secret": SECRET},
        {"Username": "a", "Secret": SECRET + "\r\n"},
        {"Username": "", "Secret": SECRET},
    ],
)
def test_credential_of_a_helper_that_cannot_be_used_is_refused(
    answer: dict[str, str], helper: MakeHelper, tmp_path: Path
) -> None:
    helper("bad", {"ghcr.io": [answer["Username"], answer["Secret"]]})
    path = write(tmp_path / "config.json", {"credsStore": "bad"})

    with pytest.raises(StoreError) as refused:
        CredentialStore(helper.files(path)).find("ghcr.io")

    assert (refused.value.code, "docker-credential-bad" in str(refused.value)) == ("credentials-invalid", True)
    assert SECRET not in all_that_is_said_by(refused.value)


def test_answer_of_the_largest_size_is_read_and_one_byte_more_is_not(helper: MakeHelper) -> None:
    for name, extra in (("most", 0), ("more", 1)):
        text = json.dumps({"Username": "a", "Secret": "b"}).ljust(MAX_ANSWER_SIZE + extra)
        (helper.folder / f"{name}.json").write_text(text)
        helper.script(name, f"#!/bin/sh\nexec cat {helper.folder}/{name}.json\n")
    environment = {"PATH": os.defpath}
    most = Helper(name="most", path=str(helper.folder), environment=environment)
    more = Helper(name="more", path=str(helper.folder), environment=environment)

    assert most.get("ghcr.io") == ("a", "b")
    with pytest.raises(UnavailableError, match="more than 65536 bytes"):
        more.get("ghcr.io")


STALLING = {
    "waits": "echo $$ > {pid}\nexec sleep 60",
    "has another wait": "sleep 60 &\necho $! > {pid}\nwait",
    "leaves another with its output": "sleep 60 &\necho $! > {pid}",
    "closes its output and waits": "exec >&-\necho $$ > {pid}\nexec sleep 60",
}


@pytest.mark.parametrize("commands", STALLING.values(), ids=STALLING.keys())
def test_helper_that_takes_too_long_is_ended_with_all_that_it_started(commands: str, helper: MakeHelper) -> None:
    noted = helper.folder / "pid"
    helper.script("slow", "#!/bin/sh\n" + commands.format(pid=noted))
    slow = Helper(name="slow", path=str(helper.folder), environment={"PATH": os.defpath}, time_limit=1.5)
    begin = time.monotonic()

    with pytest.raises(UnavailableError, match=r"did not end within 1\.5 seconds") as failed:
        slow.get("ghcr.io")

    took = time.monotonic() - begin
    assert (failed.value.code, took < 10, is_running(int(noted.read_text()))) == (
        "credential-helper-failed",
        True,
        False,
    )


def is_running(process: int) -> bool:
    """Whether it is still at work a moment later; what was killed may wait for its parent to notice."""
    for _ in range(50):
        try:
            os.kill(process, 0)
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return False
        if state == "Z":
            return False
        time.sleep(0.05)
    return True


def test_helper_that_reads_nothing_may_answer_all_the_same(helper: MakeHelper) -> None:
    helper.script("deaf", '#!/bin/sh\nexec <&-\necho \'{"Username": "a", "Secret": "b"}\'\n')
    deaf = Helper(name="deaf", path=str(helper.folder), environment={"PATH": os.defpath})

    assert deaf.get("ghcr.io") == ("a", "b")


def test_helper_that_does_not_take_a_large_secret_is_ended(helper: MakeHelper) -> None:
    helper.script("deaf", "#!/bin/sh\nexec sleep 60\n")
    deaf = Helper(name="deaf", path=str(helper.folder), environment={"PATH": os.defpath}, time_limit=0.5)

    with pytest.raises(UnavailableError, match="did not end within"):
        deaf.store("ghcr.io", "alice", "x" * MIB)


def test_helper_that_has_it_and_does_not_forget_it_fails(helper: MakeHelper, tmp_path: Path) -> None:
    helper.script("bad", f'#!/bin/sh\n[ $1 = get ] || exit 3\necho \'{{"Username": "a", "Secret": "{SECRET}"}}\'\n')
    path = write(tmp_path / "config.json", {"credsStore": "bad"})

    with pytest.raises(UnavailableError, match="`docker-credential-bad` ended with status 3") as failed:
        CredentialStore(helper.files(path)).erase("ghcr.io")

    assert (failed.value.code, SECRET in all_that_is_said_by(failed.value)) == ("credential-helper-failed", False)


def test_logout_takes_it_where_a_helper_says_that_it_had_nothing(helper: MakeHelper) -> None:
    helper.script("odd", "#!/bin/sh\necho credentials not found in native keychain\nexit 1\n")
    Helper(name="odd", path=str(helper.folder), environment={"PATH": os.defpath}).erase("ghcr.io")


@pytest.mark.parametrize("kind", ["missing", "not executable", "not a program"])
def test_helper_that_does_not_start_is_an_error_that_names_it(kind: str, helper: MakeHelper, tmp_path: Path) -> None:
    if kind != "missing":
        helper.script("bad", "#!/missing/interpreter\n")
    if kind == "not executable":
        (helper.folder / "docker-credential-bad").chmod(0o644)
    path = write(tmp_path / "config.json", {"credsStore": "bad"})

    with pytest.raises(UnavailableError, match="docker-credential-bad") as failed:
        CredentialStore(helper.files(path)).save("ghcr.io", login(secret=SECRET))

    assert (failed.value.code, SECRET in all_that_is_said_by(failed.value)) == ("credential-helper-failed", False)


@pytest.mark.parametrize("entry_of_path", ["", ".", "helpers"])
def test_helper_in_the_working_directory_is_not_run(
    entry_of_path: str, helper: MakeHelper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper("pass", {"ghcr.io": ["evil", "pw"]})
    monkeypatch.chdir(tmp_path if entry_of_path == "helpers" else helper.folder)
    path = os.pathsep.join((entry_of_path, str(tmp_path)))

    with pytest.raises(UnavailableError, match="not on PATH"):
        Helper(name="pass", path=path).get("ghcr.io")

    assert helper.calls() == []


# --- real tools ---


@pytest.mark.skipif(find_tool("skopeo") is None, reason=str(why_missing("skopeo")))
@pytest.mark.parametrize("host", ["localhost:5000", "ghcr.io", "docker.io"])
def test_skopeo_finds_what_we_saved(host: str, tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    store_of(path).save(host, login("alïce", "p:w"))
    command = [str(find_tool("skopeo")), "login", "--get-login", "--authfile", str(path), host]
    result = subprocess.run(command, env=tool_environment(), capture_output=True, text=True, timeout=60, check=True)

    assert result.stdout.strip() == "alïce"


@pytest.mark.skipif(find_tool("skopeo") is None, reason=str(why_missing("skopeo")))
def test_skopeo_forgets_what_we_saved(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    store_of(path).save("localhost:5000", login())
    store_of(path).save("quay.io", login())
    command = [str(find_tool("skopeo")), "logout", "--authfile", str(path), "localhost:5000"]
    subprocess.run(command, env=tool_environment(), capture_output=True, timeout=60, check=True)

    assert (store_of(path).find("localhost:5000"), store_of(path).find("quay.io")) == (None, login())


# --- one value ---


def test_server_is_named_as_docker_names_it() -> None:
    hosts = ("docker.io", "Index.Docker.IO", "registry-1.docker.io", "GHCR.io", "localhost:5000")

    assert [server_of(host) for host in hosts] == [HUB, HUB, HUB, "ghcr.io", "localhost:5000"]


def test_absent_file_reads_as_none_and_an_empty_one_as_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    empty = read_auth_file(tmp_path / "empty")

    assert (read_auth_file(tmp_path / "absent"), empty) == (None, AuthFile(path=tmp_path / "empty", fields={}))
