"""The log of a run: every event of it as a line of JSON where the run is kept, a fault of ours among them."""

from collections.abc import Iterator
from contextlib import contextmanager

from bulk_publisher.clock import Clock
from bulk_publisher.errors import BulkPublisherError
from bulk_publisher.log import LineSink, RunLog
from bulk_publisher.operations import crash
from bulk_publisher.portal.credentials import Credential


@contextmanager
def log_to(
    sink: LineSink | None,
    credential: Credential,
    clock: Clock,
    *,
    run: str,
    place: str,
    portal_name: str | None = None,
) -> Iterator[None]:
    """Write every event of this run to *sink*, a line each, as long as that takes them.

    Args:
        place: Where that is, in words.
        portal_name: What the portal is called; None where it has no name.
    """
    fields = {"run": run, "portal": credential.host}
    if portal_name is not None:
        fields["portal_name"] = portal_name
    run_log = RunLog(credential.redactor, clock=clock, sink=sink, fields=fields)
    try:
        with crash.hidden(run_log), _crashes_told(run_log, place):
            yield
    finally:
        run_log.close()


@contextmanager
def _crashes_told(run_log: RunLog, place: str) -> Iterator[None]:
    """A fault of ours stands in the log in *place* before it goes on its way; stderr gets a line at the end."""
    try:
        yield
    except Exception as error:
        is_ours = not isinstance(crash.innermost(error), BulkPublisherError)
        if is_ours and run_log.append(run_log.told(_event(error))):
            crash.note(error).log = place
        raise


def _event(error: Exception) -> dict[str, object]:
    return {
        "event": "run.crashed",
        "level": "error",
        "error": crash.words_of(error),
        "traceback": crash.traceback_of(error),
    }
