"""``bulk-publisher portals``: names for portals, and where their secrets are kept."""

import asyncio
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.parameters.completing import files, portals_there
from bulk_publisher.cli.commands.parameters.places import Runs, sharing, sharing_option
from bulk_publisher.cli.commands.parameters.run_options import (
    confirm,
    is_somebody_there,
    yes_option,
)
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.naming import path_from_here
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.output.saying import saying_options

if TYPE_CHECKING:
    from bulk_publisher.jobs import Portal
    from bulk_publisher.operations.checking import Examination
    from bulk_publisher.operations.portal_names import Look
    from bulk_publisher.operations.secrets import Webhook


class _Portals(click.Group):
    """The commands of the group, with the options that all commands have."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        return None if command is None else saying_options(command)


_portals_option = click.option(
    "--portals",
    "named_in",
    metavar="FILE",
    shell_complete=files,
    help="File that names portals (also: BULK_PUBLISHER_PORTALS).  [default: bulk-publisher/portals.toml in ~/.config]",
)
_json_option = click.option("--json", "is_json", is_flag=True, help="Print JSON, for programs.")


@click.group("portals", cls=_Portals)
def portals() -> None:
    """Name portals once, and use the names: --portal NAME.

    The names are in a plain TOML file without secrets, which can be shared and kept in git. Secrets are
    kept in the system keyring, or in a file of their own that only you can read.
    """


@portals.command("add")
@click.argument("name")
@_portals_option
@click.option(
    "--webhook-file",
    metavar="FILE",
    shell_complete=files,
    help="File with the webhook URL.  [default: ask]",
)
@click.option(
    "--webhook-env",
    metavar="VARIABLE",
    help="Environment variable with the webhook URL.  [default: ask]",
)
@click.option(
    "--keyring",
    "in_keyring",
    is_flag=True,
    help="Keep the webhook URL in the system keyring instead of a file.",
)
@click.option(
    "--portal-plan",
    type=click.Choice(["standard", "enterprise", "self-hosted"]),
    help="Plan whose limits apply.  [default: ask the portal]",
)
@click.option(
    "--ca-file", metavar="FILE", shell_complete=files, help="Certificate authorities to trust."
)
@click.option("--replace", is_flag=True, help="Replace a portal of that name.")
@click.pass_obj
@says_errors
def add(
    output: Output,
    /,
    *,
    name: str,
    named_in: str | None,
    webhook_file: str | None,
    webhook_env: str | None,
    in_keyring: bool,
    portal_plan: str | None,
    ca_file: str | None,
    replace: bool,
) -> None:
    """Name the portal of a webhook NAME.

    Asks for the webhook's URL without showing it, checks it on the portal as doctor does, and keeps it:
    in a file that only you can read, or in the system keyring.

    Exit status: 0 it is kept, 4 it can't be used and nothing was kept.
    """  # fmt: skip
    from bulk_publisher.jobs import Portal, PortalPlan, portals_path
    from bulk_publisher.operations.portal_names import (
        Named,
        check_keepable,
        in_words,
        keep_portal,
        look_at,
    )

    output.open_log()
    plan = None if portal_plan is None else PortalPlan(portal_plan)
    path = portals_path(named_in, os.environ)
    named = Named(path, name, plan, ca_file)
    # Before somebody has typed a secret in vain.
    check_keepable(named, os.environ, in_keyring=in_keyring, replaces=replace)
    webhook = _webhook(name, webhook_file, webhook_env, output)
    reached = Portal(plan=plan, ca_file=ca_file)
    examination = asyncio.run(look_at(webhook, reached, warn=output.warn))
    if not examination.is_usable:
        for line in _bad_lines(examination):
            output.explain(line, colour="red")
        output.explain(f"{name} can't be used like this: nothing was kept.")
        sys.exit(4)
    place = keep_portal(named, webhook.address, os.environ, in_keyring=in_keyring, replaces=replace)
    output.put(f"{name} is {webhook.host}, {_what_is_there(examination)}.")
    output.say(f"Named in {path}; its webhook is kept {in_words(place)}.")
    there = "" if named_in is None else f" --portals {path_from_here(path)}"
    output.say(f"To use it: bulk-publisher doctor --portal {name}{there}")


@portals.command("list")
@_portals_option
@_json_option
@click.pass_obj
@says_errors
def list_portals(output: Output, /, *, named_in: str | None, is_json: bool) -> None:
    """List the named portals, and where their secrets are kept. Asks no portal."""
    import msgspec

    from bulk_publisher.jobs import portals_path, read_portals

    known = read_portals(portals_path(named_in, os.environ))
    if is_json:
        told = [
            {"name": name, **_without_none(msgspec.to_builtins(portal))}
            for name, portal in known.by_name.items()
        ]
        output.put_json(told)
        return
    if not known.by_name:
        output.say(f"No portals in {known.path} yet. Add one with: bulk-publisher portals add NAME")
        return
    for line in _table([_row(name, portal) for name, portal in known.by_name.items()]):
        output.put(line)


@portals.command("remove")
@click.argument("name", shell_complete=portals_there)
@_portals_option
@yes_option
@click.pass_obj
@says_errors
def remove(output: Output, /, *, name: str, named_in: str | None, is_yes: bool) -> None:
    """Remove the portal NAME, and the secret that was kept for it. The portal itself is not touched."""
    from bulk_publisher.jobs import portals_path, read_portals
    from bulk_publisher.operations.portal_names import forget_portal, in_words

    path = portals_path(named_in, os.environ)
    read_portals(path).find(name)
    question = f"Remove {name} from {path}, and the secret that is kept for it?"
    if not confirm(question, is_yes=is_yes, output=output):
        sys.exit(2)
    secret, was_removed = forget_portal(path, name, os.environ)
    output.put(f"{name} was removed from {path}.")
    if was_removed:
        output.say(
            "Its secret was removed, too. On the portal the webhook still works: delete it there."
        )
    elif secret.file is not None and not os.path.lexists(secret.file):
        output.say(f"Its secret was gone already: it was kept {in_words(secret)}.")
    else:
        output.say(f"Its secret was left {in_words(secret)}.")


@portals.command("check")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=portals_there)
@_portals_option
@sharing_option
@_json_option
@click.pass_obj
@says_errors
def check(
    output: Output,
    /,
    *,
    names: tuple[str, ...],
    named_in: str | None,
    store: Runs | None,
    is_json: bool,
) -> None:
    """Check whether a run can work on each portal, as doctor does. Changes nothing.

    NAME may be a pattern, such as "client-*"; without one, all are checked.

    Exit status: 0 a run can work on each, 4 on some it cannot.
    """
    from bulk_publisher.jobs import portals_path, read_portals
    from bulk_publisher.operations.portal_names import look_at_portals

    output.open_log()
    known = read_portals(portals_path(named_in, os.environ))
    wanted = known.matching(names or ("*",))
    state = sharing(store)
    looks = asyncio.run(look_at_portals(known, wanted, os.environ, state=state, warn=output.warn))
    if is_json:
        output.put_json([_as_dict(look) for look in looks])
    else:
        width = max(len(look.name) for look in looks)
        output.tell(line for look in looks for line in _look_lines(look, width))
    sys.exit(0 if all(look.is_usable for look in looks) else 4)


def _webhook(
    name: str, webhook_file: str | None, webhook_env: str | None, output: Output
) -> "Webhook":
    """The webhook that a file or a variable holds, or that is typed.

    Raises:
        BadSetting: If there is none, or nobody to be asked.
    """
    from bulk_publisher.errors import BadSetting
    from bulk_publisher.jobs import Secret
    from bulk_publisher.operations.secrets import doubt_of, read_webhook, webhook_in

    if webhook_file is not None and webhook_env is not None:
        raise BadSetting("--webhook-file and --webhook-env can't be combined: give one of the two.")
    if webhook_file is not None or webhook_env is not None:
        secret = Secret(file=webhook_file, env=webhook_env)
        webhook = read_webhook(secret, os.environ)
        if doubt := doubt_of(secret):
            output.warn(doubt)
        return webhook
    if not is_somebody_there():
        raise BadSetting(
            f"The webhook URL of {name} is needed, and there is no terminal to ask on.",
            "Name what holds it: --webhook-file FILE or --webhook-env VARIABLE.",
        )
    return webhook_in(
        output.ask_secret(f"Webhook URL of {name} (not shown)"), where="What was typed"
    )


def _bad_lines(examination: "Examination") -> Iterator[str]:
    from bulk_publisher.operations.checking import CheckVerdict

    for one in examination.checks:
        if one.verdict is CheckVerdict.BAD:
            yield f"{one.name}: {one.found} {one.advice}".rstrip()


def _what_is_there(examination: "Examination") -> str:
    user = "" if examination.user is None else f"user {examination.user}, "
    sites = len(examination.sites)
    return f"{user}{sites} site{'' if sites == 1 else 's'}"


def _look_lines(look: "Look", width: int) -> Iterator[str]:
    from bulk_publisher.operations.checking import CheckVerdict

    head = f"{'ok ' if look.is_usable else 'NO '} {look.name:<{width}}  "
    examination = look.examination
    if examination is None:
        error = look.error
        yield f"{head}{'' if error is None else f'{error.message} {error.hint}'.rstrip()}"
        return
    if look.is_usable:
        yield f"{head}{examination.host}, {_what_is_there(examination)}"
    for line in _bad_lines(examination):
        yield f"{head}{examination.host}: {line}"
    for one in examination.checks:
        if one.verdict is CheckVerdict.NOTE and one.advice:
            yield f"{' ' * len(head)}{one.name}: {one.found} {one.advice}"


def _as_dict(look: "Look") -> dict[str, Any]:
    told: dict[str, Any] = {"name": look.name, "is_usable": look.is_usable}
    if look.examination is not None:
        return told | look.examination.as_dict()
    error = look.error
    return told | ({} if error is None else {"error": error.message, "hint": error.hint})


def _row(name: str, portal: "Portal") -> tuple[str, ...]:
    from bulk_publisher.operations.portal_names import in_words

    secret = portal.webhook or portal.oauth
    kind = "webhook" if portal.webhook is not None else "OAuth"
    where = "" if secret is None else f"{kind} {in_words(secret)}"
    plan = "" if portal.plan is None else portal.plan.value
    return name, where, plan, "" if portal.ca_file is None else f"trusts {portal.ca_file}"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True) if width)
        yield "  ".join(cells).rstrip()


def _without_none(told: dict[str, Any]) -> dict[str, Any]:
    """What is said, without what is not: a secret has one key of four."""
    return {
        key: _without_none(one) if isinstance(one, dict) else one
        for key, one in told.items()
        if one is not None
    }
