"""``bulk-publisher web token``: who may come to the page by a token."""

from pathlib import Path

import click

from bulk_publisher.cli.commands.parameters.web_options import tokens_option, tokens_path
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output


@click.group("web")
def web() -> None:
    """The web page of "serve --web"."""


@web.group("token")
def token() -> None:
    """Tokens for the page: who has one may see it, or steer as well.

    A token is entered in a browser, or sent by a program as "Authorization: Bearer TOKEN".
    """


@token.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["see", "steer"]),
    required=True,
    help="See everything; or start, pause, stop and continue runs as well.",
)
@tokens_option
@click.pass_obj
@says_errors
def add(output: Output, /, *, name: str, role: str, web_tokens: Path | None) -> None:
    """Make a token called NAME, and print it on stdout. It is shown this once: only its hash is kept."""
    from bulk_publisher.clock import utc_now
    from bulk_publisher.web.guard.page_tokens import PageTokens
    from bulk_publisher.web.guard.roles import Role

    path = tokens_path(web_tokens)
    text = PageTokens(path).add(name, Role(role), utc_now())
    output.say(f"The token {name} may {role}. It is shown this once:")
    output.put(text)


@token.command("list")
@tokens_option
@click.pass_obj
@says_errors
def list_tokens(output: Output, /, *, web_tokens: Path | None) -> None:
    """List the tokens: name, role and when each was made."""
    from bulk_publisher.model import Epoch
    from bulk_publisher.report.text import table_lines
    from bulk_publisher.utc import as_utc
    from bulk_publisher.web.guard.page_tokens import PageTokens

    known = PageTokens(tokens_path(web_tokens)).all()
    if not known:
        output.say(
            "There are no tokens. Make one with: bulk-publisher web token add NAME --role see"
        )
        return
    rows = [(one.name, one.role.value, as_utc(Epoch(one.added))[:16] + "Z") for one in known]
    for line in table_lines([("NAME", "ROLE", "MADE"), *rows]):
        output.put(line)


@token.command("remove")
@click.argument("name")
@tokens_option
@click.pass_obj
@says_errors
def remove(output: Output, /, *, name: str, web_tokens: Path | None) -> None:
    """Remove the token NAME. It counts no more at once, and the sessions that it began end."""
    from bulk_publisher.web.guard.page_tokens import PageTokens

    PageTokens(tokens_path(web_tokens)).remove(name)
    output.say(f"The token {name} counts no more.")
