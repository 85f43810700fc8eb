"""``bulk-publisher schema``."""

import click

from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output


@click.command("schema")
@click.pass_obj
@says_errors
def schema(output: Output, /) -> None:
    """Print the JSON Schema of a line of outcomes.jsonl."""
    from bulk_publisher.store.record import json_schema

    output.put_json(json_schema())
