"""A webhook's URL where something else is meant: it is a secret, so it is neither taken nor repeated."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bulk_publisher.text.redaction import Redactor

_VARIABLES = (
    "XDG_STATE_HOME",
    "SSL_CERT_FILE",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
)
"""Of the environment, beside our own: what may be told wrongly."""
_TAKES_ANY = {"--column", "--url"}
"""Options that a URL may be given to; what is wrong with it, they say."""
_NO_DATABASE = "only that of a PostgreSQL database is taken: postgresql://HOST/NAME"
_OURS = "BULK_PUBLISHER_"
_OPTION = re.compile(r"--?[a-z][a-z-]*$")


def refuse_misplaced(
    arguments: Sequence[str], environment: Mapping[str, str], context: click.Context
) -> None:
    """See that no webhook's URL stands among *arguments*, or in a variable for something else.

    Raises:
        click.UsageError: If one does.
    """
    from bulk_publisher.text.redaction import IS_WEBHOOK, WHERE_TO, is_webhook_url

    takes_urls = "sandbox" in arguments
    for number, argument in enumerate(arguments):
        option = _option(arguments, number)
        where = f"{option}: " if option else ""
        if is_webhook_url(argument):
            raise click.UsageError(f"{where}{IS_WEBHOOK}. {WHERE_TO}", context)
        if "://" not in argument or option in _TAKES_ANY or takes_urls:
            continue
        if not _names_database(option, argument):
            why = _NO_DATABASE if option == "--store" else "nothing here takes one"
            raise click.UsageError(f"{where}that is a URL, and {why}.", context)
    for name, value in environment.items():
        if (name in _VARIABLES or name.startswith(_OURS)) and is_webhook_url(value):
            raise click.UsageError(f"{name}: {IS_WEBHOOK}. {WHERE_TO}", context)


def _names_database(option: str, argument: str) -> bool:
    """Whether it is the URL of a database, or of a run in one: without a password, unless an option takes that."""
    from bulk_publisher.store.database_address import is_database, parse_address

    if option == "--store":
        return is_database(argument.removeprefix("--store="))
    try:
        return is_database(argument) and not parse_address(argument).secrets
    except ValueError:
        return False


def _option(arguments: Sequence[str], number: int) -> str:
    """The option whose value the argument at *number* is; empty for a word that stands by itself."""
    option, equals, _ = arguments[number].partition("=")
    if not equals or not _OPTION.match(option):
        option = arguments[number - 1] if number else ""
    return option if _OPTION.match(option) else ""


def hidden(text: str) -> str:
    """*text* in which every webhook's URL is hidden, and what the environment keeps secret."""
    from bulk_publisher.text.redaction import without_webhooks
    from bulk_publisher.text.secret_queries import without_secret_queries

    return without_webhooks(of_environment().text(without_secret_queries(text)))


def of_environment() -> "Redactor":
    """What takes out the secrets of the environment as it is now."""
    from bulk_publisher.text.redaction import CLIENT_SECRET

    return _redactor(
        tuple(
            (name, value)
            for name, value in os.environ.items()
            if "@" in value or "/rest/" in value.lower() or name in {CLIENT_SECRET, "PGPASSWORD"}
        )
    )


@lru_cache(maxsize=1)
def _redactor(told: tuple[tuple[str, str], ...]) -> "Redactor":
    from bulk_publisher.text.redaction import Redactor, learn_environment

    redactor = Redactor()
    learn_environment(redactor, dict(told))
    return redactor


@contextmanager
def told_without_secrets() -> Iterator[None]:
    """Hide webhooks in what click says of a mistake: it repeats what was given."""
    try:
        yield
    except click.ClickException as error:
        said = error.format_message()
        if (without := hidden(said)) == said:
            raise
        raise click.UsageError(without, getattr(error, "ctx", None)) from None
