"""``bulk-publisher login``: let an application in, and keep its tokens."""

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from bulk_publisher.cli.commands.parameters.completing import files
from bulk_publisher.cli.commands.parameters.places import Runs, sharing, sharing_option
from bulk_publisher.cli.commands.parameters.run_options import is_somebody_there
from bulk_publisher.cli.commands.parameters.settings import decorated, given, settings
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output
from bulk_publisher.jobs.options import PORTAL

if TYPE_CHECKING:
    from bulk_publisher.operations.login import Application, Place, TokenSet

_ROWS = [row for row in PORTAL if row.key in {"name", "named_in", "oauth", "ca_file"}]
_PATIENCE = 300.0
"""Seconds in which somebody must have let the application in."""
_VARIABLES = ("BITRIX24_CLIENT_ID", "BITRIX24_CLIENT_SECRET")


@click.command("login")
@lambda command: decorated(command, settings(_ROWS))
@sharing_option
@click.option("--keyring", "in_keyring", is_flag=True, help="Keep the tokens of --portal NAME in the system keyring instead of a file.")  # fmt: skip
@click.option("--from-json", metavar="FILE|-", shell_complete=files, help="Take the tokens that an application has already; - reads standard input.")  # fmt: skip
@click.option("--address", metavar="HOST", help="The portal, such as example.bitrix24.com.  [default: ask]")  # fmt: skip
@click.option("--client-file", metavar="FILE", shell_complete=files, help="JSON file with client_id and client_secret.  [default: BITRIX24_CLIENT_ID and BITRIX24_CLIENT_SECRET in the environment, else ask]")  # fmt: skip
@click.option("--listen", type=click.IntRange(1, 65_535), metavar="PORT", help="Take the answer on this port, for an application that is registered with http://127.0.0.1:PORT.")  # fmt: skip
@click.option("--token-server", metavar="HOST", help="The authorisation server.  [default: the vendor's]")  # fmt: skip
@click.option("--no-browser", is_flag=True, help="Only print the portal's page.")
@click.option("--replace", is_flag=True, help="Replace the webhook of a portal of that name.")
@click.pass_obj
@says_errors
def login(
    output: Output,
    /,
    *,
    store: Runs | None,
    in_keyring: bool,
    from_json: str | None,
    client_file: str | None,
    replace: bool,
    **options: Any,
) -> None:
    """Let an application into a portal, and keep its tokens.

    It opens, or prints, the portal's page on which you let the application in. The portal then sends
    your browser to the address that is registered in the application. Copy that address from the
    browser and paste it here within 30 s; it is not shown.

    Where --store names a database, the tokens of --portal NAME are kept there, encrypted with the key
    of "store key new", for all hosts.

    \b
    bulk-publisher login --portal shop
    bulk-publisher login --portal shop --from-json tokens.json

    Exit status: 0 the portal accepts the tokens, 4 it does not.
    """  # noqa: D301 - click's own mark
    from bulk_publisher.jobs import Portal
    from bulk_publisher.operations.login import check_place, log_in, place_of

    output.open_log()
    asked = Portal(**given(_ROWS, options))
    place = place_of(
        asked,
        os.environ,
        in_keyring=in_keyring,
        in_database=isinstance(store, str),
        replaces=replace,
    )
    state = sharing(store)
    # Before somebody has let an application in, in vain.
    check_place(place, os.environ, state)
    if from_json is None:
        application = _application(client_file, output, is_asked=True)
        tokens = _visited(application, place, output, options)
    else:
        tokens = _given(from_json, _application(client_file, output, is_asked=False))
    done = asyncio.run(log_in(tokens, place, os.environ, state))
    whose = "" if done.user is None else f", as user {done.user}"
    output.tell([f"Logged in to {done.host}{whose}."])
    output.say(f"The tokens are kept in {done.place}.")
    if not done.has_sites:
        output.warn("The application may not work on sites: give it the permission Sites (landing), then log in again.")  # fmt: skip
    output.say(f"To check what it may do: bulk-publisher doctor {_option(place)}")


def _visited(
    application: "Application", place: "Place", output: Output, options: dict[str, Any]
) -> "TokenSet":
    from bulk_publisher.errors import PortalUnusable
    from bulk_publisher.operations.listening import granted_on
    from bulk_publisher.operations.login import exchanged, new_visit

    address = options["address"] or _asked("Portal (such as example.bitrix24.com)", "--address HOST", output)  # fmt: skip
    visit = new_visit(address, application.client_id)
    _show(visit.page, output, opens=not options["no_browser"])
    port = options["listen"]
    if port is not None:
        output.say(f"Waiting on http://127.0.0.1:{port} for what it sends, for {_PATIENCE / 60:.0f} min.")  # fmt: skip
        granted = asyncio.run(granted_on(port, visit, seconds=_PATIENCE))
    else:
        # In no loop: it would keep Ctrl-C from whoever waits here.
        pasted = _pasted(output)
        granted = None if pasted is None else visit.read(pasted)
    if granted is None:
        raise PortalUnusable(
            "Nothing came back from the portal's page.",
            "The portal shows failures there and tells nobody else: look at the page, then log in again.",
        )
    server, ca_file = options["token_server"], place.portal.ca_file
    return asyncio.run(exchanged(visit, granted, application, server=server, ca_file=ca_file))


def _show(page: str, output: Output, *, opens: bool) -> None:
    import webbrowser

    output.say("On this page, let the application in:")
    output.put(page)
    output.drain()
    # A browser of the terminal would take the terminal.
    has_desktop = sys.platform == "darwin" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if opens and has_desktop:
        webbrowser.open(page)


def _pasted(output: Output) -> str | None:
    from bulk_publisher.cli.output.unseen import read_unseen
    from bulk_publisher.errors import BadSetting

    if not is_somebody_there():
        raise BadSetting(
            "There is no terminal to paste the address at.",
            "Use --listen PORT, or --from-json FILE for tokens that an application has already.",
        )
    output.explain(
        "The portal then sends your browser to the application's own address; that page need not load."
        " Copy the address from the browser and paste it here within 30 s. It is not shown:"
    )
    return read_unseen(output, seconds=_PATIENCE)


def _application(client_file: str | None, output: Output, *, is_asked: bool) -> "Application":
    """Its ID and secret: from a file, the environment or the terminal, and never from an argument.

    Args:
        is_asked: Somebody is asked for what is missing; else it is empty.
    """
    from bulk_publisher.operations.login import Application, read_client

    if client_file is not None:
        return read_client(client_file)
    known = [os.environ.get(name, "").strip() for name in _VARIABLES]
    if not is_asked or all(known):
        return Application(*known)
    questions = ("Client ID (not shown)", "Client secret (not shown)")
    instead = f"{' and '.join(_VARIABLES)} in the environment, or --client-file FILE"
    told = [
        value or _asked(question, instead, output, is_secret=True)
        for value, question in zip(known, questions, strict=True)
    ]
    return Application(*told)


def _asked(question: str, instead: str, output: Output, *, is_secret: bool = False) -> str:
    from bulk_publisher.errors import BadSetting

    if not is_somebody_there():
        raise BadSetting(
            f"{question.partition(' (')[0]} is needed, and there is no terminal to ask on.",
            f"Give it with {instead}.",
        )
    if is_secret:
        return output.ask_secret(question)
    return str(click.prompt(question, err=True))


def _given(name: str, application: "Application") -> "TokenSet":
    from bulk_publisher.operations.login import tokens_from
    from bulk_publisher.operations.secrets import read_given
    from bulk_publisher.text.shown import as_text

    return asyncio.run(tokens_from(read_given(name), application, where=as_text(name)))


def _option(place: "Place") -> str:
    from bulk_publisher.operations.secrets import login_command

    return login_command(place.portal).partition(" login ")[2]
