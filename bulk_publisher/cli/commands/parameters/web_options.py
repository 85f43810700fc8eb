"""The options of the page."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bulk_publisher.cli.commands.parameters.settings import decorated

if TYPE_CHECKING:
    from bulk_publisher.web.place import WebPlace

_Command = TypeVar("_Command", bound=Callable[..., Any])

tokens_option = click.option(
    "--web-tokens",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="BULK_PUBLISHER_WEB_TOKENS",
    metavar="FILE",
    help="File of the page's tokens (also: BULK_PUBLISHER_WEB_TOKENS)  [default: web/tokens.json in the"
    " folder for settings].",
)

_OPTIONS = [
    click.option(
        "--web",
        metavar="HOST:PORT",
        help="Serve a web page there to watch and to steer, such as 127.0.0.1:8080.",
    ),
    click.option(
        "--web-host",
        "web_hosts",
        multiple=True,
        metavar="NAME",
        help="Name by which browsers reach the page, as behind a proxy; repeatable.",
    ),
    click.option(
        "--web-proxy",
        "web_proxies",
        multiple=True,
        metavar="CIDR",
        help="Address or network of a proxy that is believed; repeatable.",
    ),
    click.option(
        "--web-user-header",
        metavar="NAME",
        help="Header in which such a proxy names the user.",
    ),
    click.option(
        "--web-steer",
        "web_steerers",
        multiple=True,
        metavar="USER",
        help="User of such a proxy who may steer, where others only see; repeatable.",
    ),
    tokens_option,
]


def web_options(command: _Command) -> _Command:
    """Where the page is, and who may see it and steer."""
    return decorated(command, _OPTIONS)


def place_of(options: Mapping[str, Any]) -> "WebPlace | None":
    """Where the page is to be, by *options* of ``web_options``; None for nowhere.

    Raises:
        BadSetting: If that can't be.
    """
    from bulk_publisher.errors import BadSetting

    more = {
        "--web-host": options["web_hosts"],
        "--web-proxy": options["web_proxies"],
        "--web-user-header": options["web_user_header"],
        "--web-steer": options["web_steerers"],
    }
    if options["web"] is None:
        named = next((name for name, given in more.items() if given), None)
        if named is not None:
            raise BadSetting(f"{named} needs --web: without it there is no page.")
        return None
    from bulk_publisher.web.place import web_place

    return web_place(
        options["web"],
        hosts=options["web_hosts"],
        proxies=options["web_proxies"],
        user_header=options["web_user_header"],
        steerers=options["web_steerers"],
    )


def words_of(options: Mapping[str, Any]) -> list[str]:
    """The options as they were given, for a unit."""
    words = ["--web", options["web"]] if options["web"] else []
    for name, key in (
        ("--web-host", "web_hosts"),
        ("--web-proxy", "web_proxies"),
        ("--web-steer", "web_steerers"),
    ):
        words += [word for value in options[key] for word in (name, value)]
    for name, key in (("--web-user-header", "web_user_header"), ("--web-tokens", "web_tokens")):
        words += [name, str(options[key])] if options[key] else []
    return words


def tokens_path(named: Path | None) -> Path:
    """The file of tokens: the one that was named, or the default.

    Raises:
        BadSetting: If nobody knows where the home is.
    """
    import os

    from bulk_publisher.web.guard.page_tokens import tokens_file

    return tokens_file(os.environ) if named is None else named
