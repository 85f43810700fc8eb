"""``bulk-publisher schema``."""

import click


@click.command("schema")
def schema() -> None:
    """Print the JSON Schema of a line of outcomes.jsonl."""
    import json

    from bulk_publisher.journal.record import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
