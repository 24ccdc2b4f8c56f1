"""References and hosts: distribution's grammar, and Docker's rules for what is left out."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packaging_kit.digest import Digest
from packaging_kit.errors import RequestError
from packaging_kit.oci.reference import Reference, is_registry_host, parse_host
from tests.timing import LINEAR

HEX = "a" * 64
DIGEST = f"sha256:{HEX}"

# Text, and what it means: host, repository, tag, digest.
MEANINGS: dict[str, tuple[str, str, str | None, str | None]] = {
    "ghcr.io/a": ("ghcr.io", "a", None, None),
    "ghcr.io/a:v": ("ghcr.io", "a", "v", None),
    "ghcr.io/a/b/c/d:v1.0_x-Y": ("ghcr.io", "a/b/c/d", "v1.0_x-Y", None),
    f"ghcr.io/a@{DIGEST}": ("ghcr.io", "a", None, DIGEST),
    f"ghcr.io/a:v@{DIGEST}": ("ghcr.io", "a", "v", DIGEST),
    f"ghcr.io/a@sha512:{HEX}{HEX}": ("ghcr.io", "a", None, f"sha512:{HEX}{HEX}"),
    "localhost/a": ("localhost", "a", None, None),
    "localhost:5000/a:v": ("localhost:5000", "a", "v", None),
    "host:5000/a": ("host:5000", "a", None, None),
    "127.0.0.1:5000/a": ("127.0.0.1:5000", "a", None, None),
    "[::1]:5000/a:v": ("[::1]:5000", "a", "v", None),
    "[2001:db8::1]/a": ("[2001:db8::1]", "a", None, None),
    "EXAMPLE.com/a": ("EXAMPLE.com", "a", None, None),
    "xn--bcher-kva.example/a": ("xn--bcher-kva.example", "a", None, None),
    "a.b/a__b/c-d---e/f.g_h": ("a.b", "a__b/c-d---e/f.g_h", None, None),
    "a.b/0/1": ("a.b", "0/1", None, None),
    # Without a host it is Docker's.
    "app": ("docker.io", "library/app", None, None),
    "app:v": ("docker.io", "library/app", "v", None),
    f"app@{DIGEST}": ("docker.io", "library/app", None, DIGEST),
    "user/app": ("docker.io", "user/app", None, None),
    "a/b/c": ("docker.io", "a/b/c", None, None),
    "docker.io/app": ("docker.io", "library/app", None, None),
    "docker.io/user/app:v": ("docker.io", "user/app", "v", None),
    "index.docker.io/app": ("docker.io", "library/app", None, None),
    "registry-1.docker.io/app": ("docker.io", "library/app", None, None),
    "Docker.IO/app": ("docker.io", "library/app", None, None),
    # These only look like Docker's.
    "docker.io.evil.example/app": ("docker.io.evil.example", "app", None, None),
    "evildocker.io/app": ("evildocker.io", "app", None, None),
    "docker.io:443/app": ("docker.io:443", "app", None, None),
}

REFUSED = {
    "localhost:5000": "reference-invalid",
    "127.0.0.1:5000": "reference-invalid",
    "ghcr.io": "reference-invalid",
    "": "reference-invalid",
    "/": "reference-invalid",
    "/a": "reference-invalid",
    "a/": "reference-invalid",
    "ghcr.io/": "reference-invalid",
    "ghcr.io//a": "reference-invalid",
    "ghcr.io/a/": "reference-invalid",
    "ghcr.io/A": "reference-invalid",
    "ghcr.io/a..b": "reference-invalid",
    "ghcr.io/a___b": "reference-invalid",
    "ghcr.io/-a": "reference-invalid",
    "ghcr.io/a-": "reference-invalid",
    "ghcr.io/.": "reference-invalid",
    "ghcr.io/..": "reference-invalid",
    "ghcr.io/../a": "reference-invalid",
    "ghcr.io/a/../b": "reference-invalid",
    "ghcr.io/a?b": "reference-invalid",
    "ghcr.io/a#b": "reference-invalid",
    "ghcr.io/a%2fb": "reference-invalid",
    "ghcr.io/a b": "reference-invalid",
    "ghcr.io/a\n": "reference-invalid",
    "ghcr.io/é": "reference-invalid",
    "ghcr.io/٣": "reference-invalid",
    "https://ghcr.io/a": "reference-invalid",
    "user@ghcr.io/a": "digest-invalid",
    "user:password@ghcr.io/a": "digest-invalid",
    "ghcr.io:/a": "reference-invalid",
    "ghcr.io:x/a": "reference-invalid",
    "ghcr.io:0/a": "reference-invalid",
    "ghcr.io:65536/a": "reference-invalid",
    "ghcr.io:٣/a": "reference-invalid",
    "ghcr.io:-1/a": "reference-invalid",
    "ghcr.io:443:443/a": "reference-invalid",
    "ghcr..io/a": "reference-invalid",
    "ghcr.io./a": "reference-invalid",
    ".ghcr.io/a": "reference-invalid",
    "-ghcr.io/a": "reference-invalid",
    "ghcr_.io/a": "reference-invalid",
    "ghcr.io\\a/b": "reference-invalid",
    "ghcr.іo/a": "reference-invalid",
    "[::1/a": "reference-invalid",
    "[::1]x:1/a": "reference-invalid",
    "[]:1/a": "reference-invalid",
    "ghcr.io/a:": "tag-invalid",
    "ghcr.io/a:-v": "tag-invalid",
    "ghcr.io/a:.v": "tag-invalid",
    "ghcr.io/a:v:w": "tag-invalid",
    "ghcr.io/a:v/w": "tag-invalid",
    "ghcr.io/a:v\n": "tag-invalid",
    "ghcr.io/a:" + "v" * 129: "tag-invalid",
    "ghcr.io/a@": "digest-invalid",
    "ghcr.io/a@v": "digest-invalid",
    "ghcr.io/a@sha256:abc": "digest-invalid",
    f"ghcr.io/a@sha256:{HEX.upper()}": "digest-invalid",
    f"ghcr.io/a@{DIGEST}@{DIGEST}": "digest-invalid",
    f"ghcr.io/a@{DIGEST}\n": "digest-invalid",
    f"ghcr.io/a@{DIGEST}:v": "digest-invalid",
    "ghcr.io/" + "a" * 248: "reference-invalid",
}


@pytest.mark.parametrize("text", MEANINGS)
def test_reference_means(text: str) -> None:
    host, repository, tag, digest = MEANINGS[text]
    reference = Reference.parse(text)

    assert reference == Reference(
        host=host, repository=repository, tag=tag, digest=None if digest is None else Digest(digest)
    )


@pytest.mark.parametrize("text", REFUSED)
def test_reference_is_refused(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        Reference.parse(text)

    assert caught.value.code == REFUSED[text]


def test_name_of_the_most_characters_is_taken() -> None:
    assert len(Reference.parse("ghcr.io/" + "a" * 247).name) == 255


@pytest.mark.parametrize(("host", "api_host"), [("docker.io", "registry-1.docker.io"), ("ghcr.io", "ghcr.io")])
def test_host_that_answers(host: str, api_host: str) -> None:
    assert Reference(host=host, repository="a").api_host == api_host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("ghcr.io", "ghcr.io"),
        ("localhost", "localhost"),
        ("localhost:5000", "localhost:5000"),
        ("[::1]:5000", "[::1]:5000"),
        ("intranet", "intranet"),
        ("docker.io", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
    ],
)
def test_host_means(text: str, host: str) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ghcr.io/",
        "ghcr.io/a",
        "ghcr.io/a:v",
        f"ghcr.io@{DIGEST}",
        "https://ghcr.io",
        "https://index.docker.io/v1/",
        "user@ghcr.io",
        "user:password@ghcr.io",
        "ghcr.io?x",
        "ghcr.io#x",
        "ghcr.io\n",
        " ghcr.io",
        "ghcr.io:99999",
        "a b",
    ],
)
def test_host_is_refused(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_host(text)

    assert caught.value.code == "reference-invalid"


@pytest.mark.parametrize(
    ("text", "is_host"),
    [
        ("ghcr.io", True),
        ("localhost", True),
        ("host:5000", True),
        ("[::1]", True),
        ("host", False),
        ("LOCALHOST", False),
        ("", False),
        (".", False),
        ("..", False),
        (":", False),
        ("oci:", False),
        ("a.b\n", False),
        ("a.b/c", False),
    ],
)
def test_part_before_the_slash_can_only_be_a_host(text: str, is_host: bool) -> None:
    assert is_registry_host(text) == is_host


LABEL = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?", fullmatch=True)
PART = st.from_regex(r"[a-z0-9]{1,4}((\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}", fullmatch=True)
REFERENCES = st.builds(
    Reference,
    host=st.builds(
        lambda labels, port: ".".join(labels) + ("" if port is None else f":{port}"),
        st.lists(LABEL, min_size=2, max_size=4),
        st.none() | st.integers(1, 65535),
    ),
    repository=st.lists(PART, min_size=1, max_size=4).map("/".join),
    tag=st.none() | st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", fullmatch=True),
    digest=st.none() | st.binary().map(Digest.of),
)


@given(REFERENCES)
def test_text_of_a_reference_means_it(reference: Reference) -> None:
    assert Reference.parse(str(reference)) == reference


SEPARATORS = st.lists(st.sampled_from([*"aZ09._-:/@[]?#%\\ \n\0é", "sha256:", HEX, "docker.io"])).map("".join)


@given(st.text() | SEPARATORS)
@example("٣.a/a")
@example("a.b:²/c")
def test_any_text_is_a_reference_that_a_url_can_hold_or_our_error(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except RequestError:
        return

    assert re.fullmatch(r"[A-Za-z0-9.:\[\]-]+/[a-z0-9._/-]+(:[\w.-]+)?(@sha\d+:[0-9a-f]+)?", str(reference), re.ASCII)
    assert ".." not in str(reference)


@given(st.text() | SEPARATORS)
def test_any_text_is_a_host_or_our_error(text: str) -> None:
    try:
        host = parse_host(text)
    except RequestError:
        return

    assert re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", host, re.ASCII)
    assert host in (text, "docker.io")


@pytest.mark.parametrize("piece", ["a", "a-", "a.", "a/", "a__", "-", ".", ":", "@", "[", "a@", "sha256:"])
def test_long_text_takes_no_time(piece: str) -> None:
    text = f"a.b/{piece * 100_000}"
    began = time.thread_time()
    for read in (Reference.parse, parse_host):
        with pytest.raises(RequestError):
            read(text)

    assert time.thread_time() - began < LINEAR
