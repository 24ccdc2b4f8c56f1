"""The commands that are about registries: push, pull, resolve, tags, referrers, login, logout.

Operations are imported inside the commands: the command line must start quickly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from packaging_kit.cli.connection import Connection, RegistryCommand, talks_to_registries
from packaging_kit.cli.environment import GithubOutput, credential_files
from packaging_kit.cli.options import (
    PLACE_HELP,
    REFERENCE_HELP,
    AnnotationOption,
    AuthorOption,
    CreatedOption,
    ExportsOption,
    GithubOutputOption,
    ImportsOption,
    JsonOption,
    MountOption,
    MoveOption,
    NoMetadataOption,
    PrintDigestOption,
    TargetOption,
    TitleOption,
    make_output,
    make_source,
    pack_options,
    parse_mounts,
    print_copied,
    print_written,
)
from packaging_kit.cli.passwords import ask_password, ask_username, read_password
from packaging_kit.cli.program import app, reports_errors
from packaging_kit.cli.terminal import TerminalProgress, print_data, print_json, print_note, printable
from packaging_kit.errors import RequestError

HostArgument = Annotated[str, typer.Argument(metavar="HOST", help="As in references: HOST[:PORT].")]


@app.command(cls=RegistryCommand)
@reports_errors
@talks_to_registries
def push(
    source: Annotated[str, typer.Argument(metavar="SRC", help="A Wasm binary, `-`, or a place as `oci:DIR:TAG`.")],
    reference: Annotated[
        str, typer.Argument(metavar="REF", help=f"{REFERENCE_HELP} Without a tag: SRC's, or the file's stem.")
    ],
    *,
    form: Annotated[
        Literal["whole", "mapped", "split", "both"] | None,
        typer.Option(help="How a file's fragments are stored; otherwise mapped."),
    ] = None,
    title: TitleOption = None,
    author: AuthorOption = None,
    target: TargetOption = None,
    annotation: AnnotationOption = None,
    created: CreatedOption = None,
    no_metadata: NoMetadataOption = False,
    imports: ImportsOption = None,
    exports: ExportsOption = None,
    referrers: Annotated[
        Literal["never", "auto", "always", "all"],
        typer.Option(
            help="auto: skeletons, where they are listed; always: by a tag too; all: what others attached too."
        ),
    ] = "auto",
    mount_from: MountOption = None,
    force: MoveOption = False,
    print_digest: PrintDigestOption = False,
    github_output: GithubOutputOption = False,
    as_json: JsonOption = False,
    connection: Connection,
) -> None:
    """Send a component, or what a place holds, to a registry. Blobs that are there already are not sent."""
    from packaging_kit.cli.render_registries import push_json
    from packaging_kit.operations import push as operation
    from packaging_kit.operations.inputs import Input
    from packaging_kit.operations.places import parse_registry
    from packaging_kit.transfer.copy import ReferrerChoice

    _check_printed(print_digest=print_digest, as_json=as_json)
    here, there = make_source(source), parse_registry(reference)
    settings = connection.settings(here, there)
    output = GithubOutput.find(is_wanted=github_output)
    of_a_file = (form, title, author, target, annotation, created, imports, exports)
    options = None
    if isinstance(here, Input) or no_metadata or any(option is not None for option in of_a_file):
        options = pack_options(
            form=form,
            tag=there.tag,
            title=title,
            author=author,
            target=target,
            annotation=annotation,
            created=created,
            no_metadata=no_metadata,
            imports=imports,
            exports=exports,
        )
    with TerminalProgress(is_wanted=not as_json) as progress:
        pushed = operation.push(
            here,
            there,
            settings,
            options=options,
            referrers=ReferrerChoice(referrers),
            mounts=parse_mounts(mount_from),
            force=force,
            progress=progress,
        )
    digest = pushed.copied.things[0].descriptor.digest
    output.write(digest=digest.value, name=there.reference.name)
    if as_json:
        print_json(push_json(pushed, there))
        return
    if print_digest:
        print_data(digest.value)
    else:
        print_copied(pushed.copied, there)
    for warning in pushed.packed.warnings if pushed.packed is not None else ():
        print_note(f"warning: {source}: {warning}")


@app.command(cls=RegistryCommand)
@reports_errors
@talks_to_registries
def pull(
    reference: Annotated[
        str, typer.Argument(metavar="REF", help="HOST/REPOSITORY[:TAG|@DIGEST], with or without `docker://`.")
    ],
    *,
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE|PLACE",
            help="`-`, or a name with a suffix, for the component; `oci:DIR`, `FILE.tar` or a name without a suffix "
            "for the artifact.",
        ),
    ],
    tag: Annotated[str | None, typer.Option(help="The tag in a place; otherwise REF's.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file, move tags that exist.")] = False,
    print_digest: PrintDigestOption = False,
    github_output: GithubOutputOption = False,
    as_json: JsonOption = False,
    connection: Connection,
) -> None:
    """Fetch a component as a file, or its artifact into a layout or archive; verified."""
    from packaging_kit.cli.render_registries import pull_json
    from packaging_kit.operations import pull as operation
    from packaging_kit.operations.places import FilePlace, parse_registry

    _check_printed(print_digest=print_digest, as_json=as_json, output=output)
    source, there = parse_registry(reference), operation.parse_pulled(output)
    settings = connection.settings(source)
    github = GithubOutput.find(is_wanted=github_output)
    place = None if isinstance(there, FilePlace) else there
    target = make_output(output, force=force) if place is None else place
    with TerminalProgress(is_wanted=not as_json) as progress:
        pulled = operation.pull(source, target, settings, tag=tag, force=force, progress=progress)
    github.write(digest=pulled.digest.value, name=source.reference.name)
    if print_digest:
        print_data(pulled.digest.value)
    elif as_json and output != "-":
        print_json(pull_json(pulled, source, output, place))
    elif pulled.whole is not None:
        print_written(pulled.whole, output, as_json=False)
    elif pulled.copied is not None and place is not None:
        print_copied(pulled.copied, place)


def _check_printed(*, print_digest: bool, as_json: bool, output: str | None = None) -> None:
    if print_digest and (as_json or output == "-"):
        other = "--json" if as_json else "-o -"
        raise RequestError("options-disagree", f"`--print-digest` and `{other}` are about the same output")


@app.command(cls=RegistryCommand)
@reports_errors
@talks_to_registries
def resolve(
    place: Annotated[str, typer.Argument(metavar="PLACE", help=PLACE_HELP)],
    *,
    as_json: JsonOption = False,
    connection: Connection,
) -> None:
    """Print the digest of what a place names."""
    from packaging_kit.cli.render import digest_line
    from packaging_kit.cli.render_registries import descriptor_json
    from packaging_kit.operations import registries as operation
    from packaging_kit.operations.places import parse_repository

    source = parse_repository(place)
    found = operation.resolve(source, connection.settings(source))
    if as_json:
        print_json({"place": str(source), **descriptor_json(found)})
    else:
        print_data(digest_line(found.digest, str(source)))


@app.command(cls=RegistryCommand)
@reports_errors
@talks_to_registries
def tags(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="`docker://HOST/REPOSITORY`, `oci:DIR` or `FILE.tar`.")],
    *,
    as_json: JsonOption = False,
    connection: Connection,
) -> None:
    """List the tags of a repository, a layout or an archive."""
    from packaging_kit.operations import registries as operation
    from packaging_kit.operations.places import parse_repository

    source = parse_repository(place)
    found = operation.list_tags(source, connection.settings(source))
    if as_json:
        print_json({"place": str(source), "tags": list(found)})
        return
    for tag in found:
        print_data(printable(tag))


@app.command(cls=RegistryCommand)
@reports_errors
@talks_to_registries
def referrers(
    place: Annotated[str, typer.Argument(metavar="PLACE", help=PLACE_HELP)],
    *,
    artifact_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only those of this artifact type.")
    ] = None,
    as_json: JsonOption = False,
    connection: Connection,
) -> None:
    """List what refers to what a place names: its skeleton, signatures and the like."""
    from packaging_kit.cli.render_registries import descriptor_json
    from packaging_kit.operations import registries as operation
    from packaging_kit.operations.places import parse_repository

    source = parse_repository(place)
    subject, found = operation.list_referrers(source, connection.settings(source), artifact_type)
    if as_json:
        listed = [descriptor_json(entry) for entry in found]
        print_json({"place": str(source), "subject": subject.value, "referrers": listed})
        return
    for entry in found:
        print_data(f"{entry.digest}  {printable(entry.artifact_type or '')}".rstrip())


@app.command(cls=RegistryCommand)
@reports_errors
@talks_to_registries(has_credential=False)
def login(
    host: HostArgument,
    *,
    user: Annotated[
        str | None, typer.Option("-u", "--username", metavar="USER", help="Otherwise it is asked for.")
    ] = None,
    from_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input; otherwise it is asked for.")
    ] = False,
    identity_token: Annotated[
        bool, typer.Option("--identity-token", help="It is an identity token, no password.")
    ] = False,
    as_json: JsonOption = False,
    connection: Connection,
) -> None:
    """Keep a user and a password for a registry, once it has taken them."""
    from packaging_kit.oci.reference import parse_host
    from packaging_kit.operations import registries as operation
    from packaging_kit.operations.settings import Settings
    from packaging_kit.stores.registry.credentials import Credential

    name = parse_host(host)
    if user is None and not identity_token:
        user = ask_username()
    secret = read_password() if from_stdin else ask_password("Identity token" if identity_token else "Password")
    credential = Credential(username=user or "", secret=secret, is_identity_token=identity_token)
    options = connection.registry()
    kept = operation.login(name, credential, Settings(registry=options))
    if as_json:
        print_json({"host": name, "kept_in": kept})
    else:
        print_data(f"{name}  {printable(kept)}")
    path = options.credentials.write
    if path is not None and Path(kept) == path:
        print_note(f"warning: the secret stands in `{path}` unencrypted; a credential helper would keep it safe")


@app.command()
@reports_errors
def logout(
    host: HostArgument,
    *,
    as_json: JsonOption = False,
) -> None:
    """Forget what is kept for a registry."""
    from packaging_kit.oci.reference import parse_host
    from packaging_kit.operations import registries as operation
    from packaging_kit.operations.settings import Settings
    from packaging_kit.stores.registry.options import RegistryOptions

    name = parse_host(host)
    places = operation.logout(name, Settings(registry=RegistryOptions(credentials=credential_files())))
    if as_json:
        print_json({"host": name, "kept_in": list(places)})
        return
    for place in places:
        print_data(f"{name}  {printable(place)}")
