"""``bulk-publisher notify test``: does a message reach everybody whom a job names?"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulk_publisher.cli.commands.parameters.completing import files
from bulk_publisher.cli.commands.parameters.places import Runs, runs_option
from bulk_publisher.cli.output.complaints import says_errors
from bulk_publisher.cli.output.output import Output

if TYPE_CHECKING:
    from bulk_publisher.notices.delivering import Delivery
    from bulk_publisher.notices.notifying import Notices

_FAILED = 1


@click.group("notify")
def notify() -> None:
    """Messages about jobs, as the [notify] table of a job file asks for them."""


@notify.command("test")
@click.argument("job", shell_complete=files, type=click.Path(path_type=Path))
@runs_option
@click.pass_obj
@says_errors
def send_test(output: Output, /, *, job: Path, runs: Runs) -> None:
    """Send one message to each recipient of the job file JOB, and show what each answered.

    Nothing is published. A dead man's switch gets a ping of success.

    Exit status: 0 all messages arrived, 1 some did not.
    """
    from bulk_publisher.cli.commands.doing import open_credential
    from bulk_publisher.cli.commands.telling import with_notices
    from bulk_publisher.errors import BadSetting
    from bulk_publisher.jobs import read_job
    from bulk_publisher.text.shown import as_text

    what = read_job(job)
    if what.notify is None:
        raise BadSetting(
            f"{as_text(str(job))} has no [notify] table: nobody is told of it.",
            'Add one: [notify] to = [{ env = "NOTIFY_URL" }].',
        )
    output.open_log()
    deliveries: list[Delivery] = []

    async def tell(notices: "Notices") -> None:
        deliveries.extend(await notices.test(what))

    with_notices(output, runs, tell, open_credential)
    for one in deliveries:
        output.put(f"{'ok' if one.has_arrived else 'failed':<6}  {one.name}: {one.words}")
    sys.exit(0 if deliveries and all(one.has_arrived for one in deliveries) else _FAILED)
