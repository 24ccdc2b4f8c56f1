"""The options of every command that may talk to a registry, and what becomes of them.

A command asks for them with one parameter, `connection`; `talks_to_registries` puts the options in its place.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

from packaging_kit.cli.passwords import read_password
from packaging_kit.cli.terminal import print_request
from packaging_kit.errors import RequestError

if TYPE_CHECKING:
    from packaging_kit.operations.settings import Settings
    from packaging_kit.stores.registry.credentials import Credential
    from packaging_kit.stores.registry.options import RegistryOptions

R = TypeVar("R")

_CONNECT_TIMEOUT = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How registries are talked to, as the command line has it; each field is an option."""

    plain_http: Annotated[
        list[str] | None, typer.Option("--plain-http", metavar="HOST", help="Speaks http, not https; repeatable.")
    ] = None
    ca_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificates to trust, not the system's.")] = (
        None
    )
    client_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate to show; PEM.")] = None
    client_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key, where it is elsewhere.")] = None
    username: Annotated[
        str | None,
        typer.Option(metavar="USER", help="With PACKAGING_KIT_PASSWORD, or `--password-stdin`."),
    ] = None
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")] = (
        False
    )
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.1, max=86400, help="Without a byte, before a try is given up."),
    ] = 60.0
    tries: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="How often one request is tried.")] = 5
    side_by_side: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Transfers at a time.")] = 8
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log each request on standard error.")] = False

    def settings(self, *sources: object) -> Settings:
        """The settings for a command on these places and inputs.

        What is about registries is made, and imported, only where there is one: the others must start quickly.

        Raises:
            RequestError: `credential-ambiguous`, `credential-incomplete`, `options-disagree`, `reference-invalid`.
        """
        from packaging_kit.operations.inputs import Input
        from packaging_kit.operations.places import RegistryPlace
        from packaging_kit.operations.settings import Settings

        hosts = {place.reference.host for place in sources if isinstance(place, RegistryPlace)}
        if not hosts:
            return Settings()
        if self.password_stdin and any(isinstance(source, Input) and source.is_stream for source in sources):
            raise RequestError("options-disagree", "standard input can't be a file and a password")
        given = self._credential()
        if given is not None and len(hosts) > 1:
            raise RequestError(
                "credential-ambiguous", "one credential was given for two registries", hint="`packaging-kit login HOST`"
            )
        return Settings(registry=self.registry(given))

    def registry(self, given: Credential | None = None) -> RegistryOptions:
        """The options for every registry.

        Raises:
            RequestError: `options-disagree`, `reference-invalid`.
        """
        from packaging_kit.cli.environment import credential_files, mount_hints, proxies
        from packaging_kit.oci.reference import parse_host
        from packaging_kit.stores.files import io_errors
        from packaging_kit.stores.registry.options import RegistryOptions

        if self.client_key is not None and self.client_cert is None:
            raise RequestError("options-disagree", "`--client-key` goes with `--client-cert`")
        for path in (self.ca_file, self.client_cert, self.client_key):
            if path is not None:
                with io_errors(path), path.open("rb"):
                    pass  # better told now than when it is needed
        by_scheme, no_proxy = proxies()
        return RegistryOptions(
            mount_hints=mount_hints(),
            plain_http=frozenset(map(parse_host, self.plain_http or ())),
            ca_file=self.ca_file,
            client_certificate=self.client_cert,
            client_key=self.client_key,
            credentials=credential_files(),
            given=given,
            proxies=by_scheme,
            no_proxy=no_proxy,
            connect_timeout=min(self.timeout, _CONNECT_TIMEOUT),
            read_timeout=self.timeout,
            tries=self.tries,
            side_by_side=self.side_by_side,
            on_request=print_request if self.verbose else None,
        )

    def _credential(self) -> Credential | None:
        from packaging_kit.cli.environment import given_password, given_username
        from packaging_kit.stores.registry.credentials import Credential

        username = self.username if self.username is not None else given_username()
        password = read_password() if self.password_stdin else given_password()
        if username is None and password is None:
            return None
        if password is None:
            raise RequestError(
                "credential-incomplete",
                f"the user `{username}` has no password",
                hint="PACKAGING_KIT_PASSWORD, or `--password-stdin`",
            )
        if username is None:
            raise RequestError(
                "credential-incomplete",
                "there is a password and no user",
                hint="`--username USER`, or PACKAGING_KIT_USERNAME",
            )
        return Credential(username=username, secret=password)


_OPTIONS = {entry.name: entry for entry in fields(Connection)}
_HINTS = inspect.get_annotations(Connection, eval_str=True)
_OF_A_CREDENTIAL = frozenset(("username", "password_stdin"))
_PARAMETER = "connection"


def talks_to_registries(command: Callable[..., R] | None = None, *, has_credential: bool = True) -> Callable[..., Any]:
    """Give a command the options of a connection, in place of its parameter `connection`.

    Args:
        has_credential: who is asking is among the options.
    """
    if command is None:
        return functools.partial(talks_to_registries, has_credential=has_credential)
    names = [name for name in _OPTIONS if has_credential or name not in _OF_A_CREDENTIAL]
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != _PARAMETER]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_OPTIONS[name].default, annotation=_HINTS[name])
        for name in names
    ]

    @functools.wraps(command)
    def connected(*args: Any, **kwargs: Any) -> R:
        options = {name: kwargs.pop(name) for name in names}
        return command(*args, **kwargs, **{_PARAMETER: Connection(**options)})

    made = signature.replace(parameters=[*own, *added])
    connected.__signature__ = made  # type: ignore[attr-defined]  # as the `inspect` module documents it
    connected.__annotations__ = {name: parameter.annotation for name, parameter in made.parameters.items()}
    return connected


class RegistryCommand(TyperCommand):
    """A command whose options of a connection stand in the help by themselves."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the help's sections."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Registries": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            is_argument = parameter.param_type_name == "argument"
            title = "Arguments" if is_argument else "Registries" if parameter.name in _OPTIONS else "Options"
            sections[title].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
