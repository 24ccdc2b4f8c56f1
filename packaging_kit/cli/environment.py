"""What the environment says of registries: where credentials are kept, and which proxies are on the way."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging_kit.errors import RequestError

if TYPE_CHECKING:
    from typing import Self

    from packaging_kit.stores.registry.credentials import CredentialFiles


def given_username() -> str | None:
    return os.environ.get("PACKAGING_KIT_USERNAME") or None


def given_password() -> str | None:
    return os.environ.get("PACKAGING_KIT_PASSWORD") or None


def credential_files() -> CredentialFiles:
    """Where credentials are kept (docs/commands.md, "Credentials").

    `REGISTRY_AUTH_FILE` is the only file where it is set, as podman and skopeo have it.
    """
    from packaging_kit.stores.registry.credentials import CredentialFiles

    set_file = os.environ.get("REGISTRY_AUTH_FILE")
    if set_file:
        files = [Path(set_file)]
    else:
        docker = os.environ.get("DOCKER_CONFIG")
        podman = os.environ.get("XDG_CONFIG_HOME")
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        files = [
            *([Path(docker) / "config.json"] if docker else _at_home(".docker/config.json")),
            *([Path(runtime) / "containers" / "auth.json"] if runtime else ()),
            *([Path(podman) / "containers" / "auth.json"] if podman else _at_home(".config/containers/auth.json")),
        ]
    return CredentialFiles(
        read=tuple(files),
        write=files[0] if files else None,
        path=os.environ.get("PATH"),
        environment=dict(os.environ),
    )


def _at_home(name: str) -> list[Path]:
    """A file in the home folder, where there is one."""
    try:
        return [Path.home() / name]
    except RuntimeError:
        return []


def proxies() -> tuple[Mapping[str, str], str]:
    """Scheme to proxy, and the hosts that are asked without one: what `HTTPS_PROXY` and its like say."""
    from urllib.request import getproxies_environment

    found = getproxies_environment()
    no_proxy = found.pop("no", "")
    return {scheme: found[scheme] for scheme in ("http", "https", "all") if scheme in found}, no_proxy


@dataclass(frozen=True, slots=True)
class GithubOutput:
    """The file that a step of a GitHub workflow puts its outputs into; nothing is written where there is none.

    Attributes:
        path: or `None`.
    """

    path: Path | None

    @classmethod
    def find(cls, *, is_wanted: bool) -> Self:
        """What the environment names.

        Raises:
            RequestError: `github-output-missing`.
            UnavailableError: `io-error`.
        """
        from packaging_kit.stores.files import io_errors

        if not is_wanted:
            return cls(None)
        path = os.environ.get("GITHUB_OUTPUT")
        if not path:
            raise RequestError(
                "github-output-missing", "GITHUB_OUTPUT is not set", hint="`--github-output` is for a workflow's step"
            )
        with io_errors(path), Path(path).open("a"):
            pass  # better told now than when all is done
        return cls(Path(path))

    def write(self, **values: str) -> None:
        """Add values, which hold no line break.

        Raises:
            UnavailableError: `io-error`.
        """
        if self.path is None:
            return
        from packaging_kit.stores.files import io_errors

        with io_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in values.items())


def wasm_tools() -> Path | None:
    """The executable of the engine `wasm-tools`, where PACKAGING_KIT_WASM_TOOLS names one."""
    path = os.environ.get("PACKAGING_KIT_WASM_TOOLS")
    return Path(path) if path else None


def search_path() -> str | None:
    """The folders in which programs are looked for."""
    return os.environ.get("PATH")


def engine_environment() -> Mapping[str, str]:
    """What an engine's process is given of the environment: where programs can't start without it, that alone."""
    return {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}


def mount_hints() -> Path | None:
    """The file in which is remembered which repositories hold a blob; none where there is no home."""
    cache = os.environ.get("XDG_CACHE_HOME")
    folders = [Path(cache)] if cache else _at_home(".cache")
    return folders[0] / "packaging-kit" / "mounts" if folders else None
