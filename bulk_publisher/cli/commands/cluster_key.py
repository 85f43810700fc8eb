"""``bulk-publisher store key``: the key that tokens in a database are encrypted with."""

import os

import click

from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.output.saying import saying_options


@click.group("key")
def key() -> None:
    """Make the key that tokens in a database are encrypted with, or tell which one this host has."""


@key.command("new")
@click.option(
    "--keyring",
    "in_keyring",
    is_flag=True,
    help="Keep it in the system keyring instead of a file.",
)
@click.pass_obj
@says_errors
def new(output: Output, /, *, in_keyring: bool) -> None:
    """Make a key on one host, to be copied to all others. The database never has it.

    It is kept in the file that BULK_PUBLISHER_CLUSTER_KEY_FILE names, by default cluster.key beside the
    settings, in ~/.config/bulk-publisher. Whoever has both the key and the database has the tokens.

    \b
    bulk-publisher store key new
    scp -p ~/.config/bulk-publisher/cluster.key host2:.config/bulk-publisher/
    """  # noqa: D301 - click's own mark
    from bulk_publisher.store.cluster_key import make_key

    made = make_key(os.environ, in_keyring=in_keyring)
    output.put(f"Made the key {made.id}, in {made.place}.")
    output.say("Copy it to each other host, with mode 0600, and keep a copy apart from the database's backup.")  # fmt: skip


@key.command("id")
@click.pass_obj
@says_errors
def tell_id(output: Output, /) -> None:
    """Print the ID of this host's key, which is the same on all hosts, and no secret."""
    from bulk_publisher.store.cluster_key import read_key

    output.put(read_key(os.environ).id)


for _command in key.commands.values():
    saying_options(_command)
