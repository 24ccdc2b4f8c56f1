"""What the commands on registries do that a golden can't show: signals, terminals, threads, the environment."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from packaging_kit.cli import environment
from packaging_kit.cli.connection import Connection
from packaging_kit.cli.terminal import print_request
from packaging_kit.errors import RequestError
from packaging_kit.operations.places import LayoutPlace, parse_registry
from packaging_kit.stores.registry.options import RequestEvent
from tests.conftest import FIXTURES
from tests.registry import Basic, Fault, Kind, Origin, Registry, Response
from tests.schema_checks import check_all

COMPONENT = FIXTURES / "real" / "composed.wasm"
PROGRAM = (sys.executable, "-c", "from packaging_kit.cli.main import main; main()")
SECONDS = 30


@pytest.fixture(autouse=True)
def nobodys_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing of registries."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("XDG_", "PACKAGING_KIT_", "REGISTRY_", "DOCKER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as registry:
        yield registry


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def push(registry: Registry, name: str = "app:v1", *options: object) -> subprocess.CompletedProcess[str]:
    return run("push", COMPONENT, f"{registry.host}/{name}", *options)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# Being interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("kind", [Kind.STALL, Kind.STALL_IN_ANSWER], ids=lambda kind: kind.name)
@pytest.mark.parametrize("output", ["app.wasm", "oci:layout", "app.tar", "-"])
def test_interrupted_pull_ends_at_once_and_leaves_nothing_under_a_name(
    output: str, kind: Kind, number: signal.Signals, registry: Registry, tmp_path: Path
) -> None:
    push(registry)
    registry.script([Fault(kind=kind, path="/blobs/", times=None)])
    command = [*PROGRAM, "pull", f"{registry.host}/app:v1", "-o", output]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: registry.faults_happened > 0)
        process.send_signal(number)
        printed, said = process.communicate(timeout=SECONDS)
    finally:
        process.kill()

    assert (process.returncode, printed, said) == (128 + number, "", "")
    assert not [
        path for path in (tmp_path / "app.wasm", tmp_path / "app.tar", tmp_path / "layout/index.json") if path.exists()
    ]
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > 1000] == []


def test_interrupted_push_ends_at_once_and_gives_no_tag(registry: Registry) -> None:
    registry.script([Fault(kind=Kind.STALL, path="/blobs/uploads/.+", times=None)])
    command = [*PROGRAM, "push", str(COMPONENT), f"{registry.host}/app:v1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: registry.faults_happened > 0)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
    finally:
        process.kill()

    assert process.returncode == 130
    assert registry.tags("app") == {}


@pytest.mark.parametrize("command", ["verify", "tags", "resolve"])
def test_interrupted_question_ends_at_once(command: str, registry: Registry) -> None:
    push(registry, "app:v1")
    push(registry, "app:v2", "--form", "both")
    wanted = {"tags": "/tags/", "resolve": "/manifests/", "verify": "/blobs/"}
    registry.script([Fault(kind=Kind.STALL, path=wanted[command], times=None)])
    place = f"{registry.host}/app" + ("" if command == "tags" else ":v1")
    process = subprocess.Popen([*PROGRAM, command, place], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: registry.faults_happened > 0)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
    finally:
        process.kill()

    assert process.returncode == 130


# Exit codes


@pytest.mark.parametrize(
    ("fault", "code", "exit_code"),
    [
        (Fault(kind=Kind.STATUS, status=403, times=None), "registry-denied", 3),
        (Fault(kind=Kind.STATUS, status=500, times=None), "registry-failed", 3),
        (Fault(kind=Kind.STATUS, status=418, times=None), "registry-refused", 3),
        (Fault(kind=Kind.STATUS, status=404, times=None), "not-found", 1),
        (Fault(kind=Kind.RESET_AFTER, times=None), "registry-unreachable", 3),
        (Fault(kind=Kind.STALL, times=None), "registry-timeout", 3),
        (Fault(kind=Kind.WRONG_BYTES, times=None), "digest-mismatch", 1),
        (Fault(kind=Kind.WRONG_DIGEST, times=None), "digest-mismatch", 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_failure_has_its_exit_code_and_is_what_the_schema_says(
    fault: Fault, code: str, exit_code: int, registry: Registry
) -> None:
    push(registry)
    registry.script([fault])

    result = run("resolve", f"{registry.host}/app:v1", "--json", "--tries", 1, "--timeout", 0.5)
    found = json.loads(result.stderr)

    check_all("error", [found])
    assert (found["error"]["code"], result.returncode, result.stdout) == (code, exit_code, "")


@pytest.mark.parametrize("option", ["--side-by-side=0", "--side-by-side=65", "--tries=0", "--timeout=0", "--timeout=x"])
def test_option_out_of_its_range_is_a_usage_error(option: str) -> None:
    assert run("tags", "localhost:1/a", option).returncode == 2


def test_outputs_are_what_the_schemas_say(registry: Registry) -> None:
    place = f"{registry.host}/app:v1"
    commands = {
        "push": ("push", COMPONENT, place),
        "resolve": ("resolve", place),
        "tags": ("tags", f"{registry.host}/app"),
        "referrers": ("referrers", place),
        "pull": ("pull", place, "-o", "app.wasm"),
        "copy": ("copy", place, f"{registry.host}/other"),
        "verify": ("verify", place),
        "stats": ("stats", f"{registry.host}/app"),
        "inspect": ("inspect", place),
        "diff": ("diff", place, f"{registry.host}/other"),
        "convert": ("convert", place, "--form", "both"),
    }
    for schema, arguments in commands.items():
        result = run(*arguments, "--json")

        assert (result.returncode, result.stderr) == (0, "")
        check_all(schema, [json.loads(result.stdout)])

    result = run("pull", place, "-o", "layout", "--json")
    check_all("pull", [json.loads(result.stdout)])
    assert json.loads(run("stats", f"{registry.host}/app", "--json").stdout)["stored"] is None


# What is said meanwhile


def in_a_terminal(*arguments: object) -> tuple[int, str]:
    """Run a command with a terminal for its standard error; the exit code, and what the terminal got."""
    leader, follower = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [*PROGRAM, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=follower, env=environment
    )
    os.close(follower)
    said = b""
    while select.select([leader], [], [], SECONDS)[0]:
        try:
            piece = os.read(leader, 1 << 16)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        said += piece
    os.close(leader)
    return process.wait(SECONDS), said.decode()


def drip(registry: Registry) -> None:
    """Hold a small component, and have it come so slowly that there is time to show something."""
    run("push", FIXTURES / "vectors" / "core-module.wasm", f"{registry.host}/app:v1")
    registry.script([Fault(kind=Kind.DRIP, path="/blobs/", times=None, interval=0.0004)])


def test_terminal_shows_a_bar_for_each_blob_under_way_and_one_for_all(registry: Registry, tmp_path: Path) -> None:
    size = 1 << 20
    leb = bytes((size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14))
    (tmp_path / "large.wasm").write_bytes(b"\0asm\1\0\0\0\0" + leb + b"\1x" + bytes(size - 2))
    run("push", "large.wasm", f"{registry.host}/app:v1")
    registry.script([Fault(kind=Kind.STALL_IN_ANSWER, cut_at=200_000, path="/blobs/", times=3, method="GET")])

    code, said = in_a_terminal("pull", f"{registry.host}/app:v1", "-o", "layout", "--timeout", "1.2")

    assert code == 0
    assert "copy" in said
    assert any(digest.removeprefix("sha256:")[:12] in said for digest in registry.blobs("app"))


@pytest.mark.parametrize("output", ["app.wasm", "layout"])
def test_json_shows_no_bar(output: str, registry: Registry) -> None:
    drip(registry)

    assert in_a_terminal("pull", f"{registry.host}/app:v1", "-o", output, "--json") == (0, "")


def test_requests_are_logged_whole_lines_at_a_time_and_without_secrets() -> None:
    with Registry(auth=Basic(user="me", password="hunter2")) as registry:
        result = run(
            *("push", COMPONENT, f"{registry.host}/app:v1", "--form", "both", "-v"),
            PACKAGING_KIT_USERNAME="me",
            PACKAGING_KIT_PASSWORD="hunter2",
        )
        lines = [line for line in result.stderr.splitlines() if line.startswith("> ")]

        assert result.returncode == 0
        assert len(lines) == len(registry.requests)
        assert all(line.endswith(" s") for line in lines)
        assert "hunter2" not in result.stderr
        assert "?" not in result.stderr


def test_logged_request_has_no_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    event = RequestEvent(
        method="GET",
        host="h:1",
        path="/v2/\x1b[31m",
        status=None,
        sent=0,
        received=None,
        seconds=1.5,
        attempt=2,
        error="broken\n",
    )

    print_request(event)

    assert capsys.readouterr().err == "> GET h:1/v2/\\x1b[31m failed 1.500 s try 2 (broken\\n)\n"


def test_local_command_imports_nothing_of_registries() -> None:
    script = (
        "import sys; sys.argv = ['packaging-kit', 'inspect', sys.argv[1], '-v', '--json']\n"
        "from packaging_kit.cli.app import run\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        "print(sorted({'oras', 'requests', 'urllib3', 'rich', 'ssl'} & sys.modules.keys()), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(COMPONENT)], capture_output=True, text=True, timeout=SECONDS, check=True
    )

    assert result.stderr == "[]\n"


# What the environment says


@pytest.mark.parametrize(
    ("variables", "read"),
    [
        ({}, ["HOME/.docker/config.json", "HOME/.config/containers/auth.json"]),
        ({"DOCKER_CONFIG": "/d"}, ["/d/config.json", "HOME/.config/containers/auth.json"]),
        (
            {"XDG_RUNTIME_DIR": "/r", "XDG_CONFIG_HOME": "/c"},
            ["HOME/.docker/config.json", "/r/containers/auth.json", "/c/containers/auth.json"],
        ),
        ({"REGISTRY_AUTH_FILE": "/a.json", "DOCKER_CONFIG": "/d", "XDG_RUNTIME_DIR": "/r"}, ["/a.json"]),
        (
            {"REGISTRY_AUTH_FILE": "", "DOCKER_CONFIG": ""},
            ["HOME/.docker/config.json", "HOME/.config/containers/auth.json"],
        ),
    ],
)
def test_credentials_are_looked_for_where_docker_and_podman_keep_them(
    variables: dict[str, str], read: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    files = environment.credential_files()

    assert [str(path).replace(str(tmp_path), "HOME") for path in files.read] == read
    assert files.write == files.read[0]


def test_proxies_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://upper:1")
    monkeypatch.setenv("https_proxy", "http://lower:1")
    monkeypatch.setenv("ALL_PROXY", "http://all:1")
    monkeypatch.setenv("NO_PROXY", "a.example,b.example")
    monkeypatch.setenv("FTP_PROXY", "http://ftp:1")

    assert environment.proxies() == ({"https": "http://lower:1", "all": "http://all:1"}, "a.example,b.example")


def test_options_become_settings_only_where_there_is_a_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACKAGING_KIT_USERNAME", "me")
    monkeypatch.setenv("PACKAGING_KIT_PASSWORD", "secret")
    connection = Connection(plain_http=["host:1"], timeout=5.0, tries=2, side_by_side=3, verbose=True)

    local = connection.settings(LayoutPlace(folder=Path("a")))
    options = connection.settings(parse_registry("host:1/a")).registry

    assert local.registry is None
    assert options is not None
    assert options.given is not None
    assert (options.given.username, options.given.secret) == ("me", "secret")
    assert options.plain_http == {"host:1"}
    assert (options.read_timeout, options.connect_timeout, options.tries, options.side_by_side) == (5.0, 5.0, 2, 3)
    assert options.on_request is print_request


def test_one_credential_is_not_shown_to_two_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACKAGING_KIT_PASSWORD", "secret")

    with pytest.raises(RequestError) as error:
        Connection(username="me").settings(parse_registry("a:1/x"), parse_registry("b:1/x"))

    assert error.value.code == "credential-ambiguous"


def test_proxy_of_the_environment_is_asked() -> None:
    with Origin(lambda _: Response(status=418)) as proxy:
        result = run("tags", "registry.example:5000/app", "--plain-http", "registry.example:5000", HTTP_PROXY=proxy.url)

        assert "418" in result.stderr
        assert len(proxy.requests) == 1


def test_password_is_typed_at_a_terminal_that_does_not_show_it() -> None:
    with Registry(auth=Basic(user="me", password="hunter2")) as registry:
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            [*PROGRAM, "login", registry.host],
            stdin=follower,
            stdout=subprocess.PIPE,
            stderr=follower,
            start_new_session=True,
            text=True,
        )
        os.close(follower)
        said = b""
        for prompt, answer in ((b"Username:", b"me\n"), (b"Password: ", b"hunter2\n")):
            while prompt not in said:
                assert select.select([leader], [], [], SECONDS)[0]
                said += os.read(leader, 1 << 16)
            time.sleep(0.1)  # until the terminal has been told not to show it
            os.write(leader, answer)
        printed, _ = process.communicate(timeout=SECONDS)
        while select.select([leader], [], [], 0.2)[0]:
            try:
                said += os.read(leader, 1 << 16)
            except OSError:
                break
        os.close(leader)

    assert process.returncode == 0
    assert printed.endswith(".docker/config.json\n")
    assert b"hunter2" not in said
