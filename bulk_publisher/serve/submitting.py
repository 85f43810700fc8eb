"""Hands a job to a daemon, through the store that both know; what it brings is kept there."""

import random
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bulk_publisher.errors import BadJobFile, BadSetting, RunBusy
from bulk_publisher.jobs import Job, Portal, Recipient, decode_job, encode_job
from bulk_publisher.model import Epoch
from bulk_publisher.operations.plan_file import read_plan
from bulk_publisher.operations.selecting import check_selection
from bulk_publisher.sources.known_failures import check_known_failures
from bulk_publisher.sources.opening import found, reason
from bulk_publisher.store.agenda import Agenda, Order, OrderBook, OrderKind, Slot
from bulk_publisher.store.description import new_run_id
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.text.shown import as_text, nearest, shown

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9]+")
_ENV = re.compile(r"(?:BITRIX24|NOTIFY)_\w+")
"""Variables of a daemon's environment that any job may name."""


def submit_job(
    agenda: Agenda, job: Job, *, at: Epoch, now: Epoch, by: str, rng: random.Random
) -> Order:
    """Leave *job*, with copies of its lists, for the daemon.

    Args:
        at: When it is due.

    Raises:
        UsageError: If its lists can't be read, or nothing can be written.
    """
    # What is wrong with a list is said here, and not to a daemon at night.
    check_known_failures(job.after.expected)
    if job.select.plan is None:
        check_selection(job.select)
    name = f"{_plain(job.name)}-{new_run_id(now, rng)}"
    with agenda.order(name) as book:
        order = Order(
            name=name, job=encode_job(_with_lists(job, book)), at=at, submitted=now, by=by
        )
        book.close(order)
    return order


def submit_known(
    agenda: Agenda, known: str, *, at: Epoch, now: Epoch, by: str, rng: random.Random
) -> Order:
    """Have the daemon do the job of this name that it knows.

    Raises:
        BadSetting: If nothing can be written.
    """
    name = f"{_plain(known)}-{new_run_id(now, rng)}"
    with agenda.order(name) as book:
        order = Order(name=name, known=known, at=at, submitted=now, by=by)
        book.close(order)
    return order


def check_known(name: str, slots: Mapping[str, Slot], *, is_served: bool) -> None:
    """See that a daemon knows the job *name*.

    Args:
        is_served: A daemon is there: then it may have started just now, and know no job yet.

    Raises:
        BadSetting: If none does.
    """
    if name not in slots:
        hint = "bulk-publisher jobs lists the jobs that a daemon knows."
        if not is_served:
            hint = "No daemon serves these runs now: one that starts brings the jobs of its files. Or submit the job's file."
        elif not slots:
            hint = (
                "The daemon here has no jobs, or has only just started: then try again in a moment."
            )
        raise BadSetting(
            f"There is neither a file nor a job called {shown(name)}{nearest(name, slots)}.",
            hint,
        )


def order_plan(agenda: Agenda, known: str, *, now: Epoch, by: str, rng: random.Random) -> Order:
    """Have the daemon tell what the job *known* would do, and hand that in to be approved.

    Raises:
        BadSetting: If nothing can be written.
    """
    order = Order(
        name=f"plan-{_plain(known)}-{new_run_id(now, rng)}",
        kind=OrderKind.PLAN,
        known=known,
        at=now,
        submitted=now,
        by=by,
    )
    return _leave(agenda, order)


def order_for_run(agenda: Agenda, kind: OrderKind, kept: KeptRun, *, now: Epoch, by: str) -> Order:
    """Have the daemon resume, retry or verify *kept*: once, however many ask for it at a time.

    Raises:
        RunBusy: If somebody has asked for that, and it has not come to its end.
        BadSetting: If nothing can be written.
        BadJournal: If the run can't be read.
    """
    description = kept.read_description()
    for there in agenda.orders():
        # It may have begun, and be counted already.
        if (there.kind, there.of) == (kind, kept.name):
            raise _asked_already(there)
    # What was asked for before, and has been done, counts: then it is asked for anew.
    done = {
        OrderKind.RESUME: len(description.resumptions),
        OrderKind.RETRY: len(description.retries),
    }
    job = (description.job_data or {}).get("name")
    order = Order(
        name=f"{kind}-{_plain(kept.name)}-{done.get(kind, 0) + 1}",
        kind=kind,
        of=kept.name,
        known=job if isinstance(job, str) else "",
        at=now,
        submitted=now,
        by=by,
    )
    return _leave(agenda, order)


def order_approved(agenda: Agenda, plan: str, *, known: str, now: Epoch, by: str) -> Order:
    """Have the daemon publish the plan *plan*, which was approved.

    Args:
        known: The name of its job.

    Raises:
        RunBusy: If somebody has asked for that, and it has not come to its end.
        BadSetting: If nothing can be written.
    """
    order = Order(
        name=f"{OrderKind.PUBLISH}-{plan}",
        kind=OrderKind.PUBLISH,
        of=plan,
        known=known,
        at=now,
        submitted=now,
        by=by,
    )
    return _leave(agenda, order)


def _leave(agenda: Agenda, order: Order) -> Order:
    try:
        with agenda.order(order.name) as book:
            book.close(order)
    except BadSetting as error:
        there = next((one for one in agenda.orders() if one.name == order.name), None)
        if there is None:
            raise
        raise _asked_already(there) from error
    return order


def _asked_already(there: Order) -> RunBusy:
    who = as_text(there.by) or "Somebody"
    return RunBusy(
        f"{who} has asked for that already, and it has not come to its end.", "Wait until it has."
    )


@dataclass(frozen=True, slots=True)
class Permits:
    """What jobs that are submitted may name of the daemon's machine.

    Attributes:
        folders: Below which their files may be.
        variables: That they may name beside ``BITRIX24_…`` and ``NOTIFY_…``.
    """

    folders: tuple[Path, ...] = ()
    variables: tuple[str, ...] = ()


def check_order(job: Job, permits: Permits, *, copies: Path) -> None:
    """Refuse a submitted job that names what it may not.

    Args:
        copies: Where the store keeps the lists that came with jobs.

    Raises:
        BadJobFile: If it does.
        UsageError: If its plan can't be read.
    """
    for portal in (job.portal, *job.portals):
        _check_portal(portal, permits, copies)
    _check_files((*job.select.files.values(), job.after.expected), permits, copies)
    if job.select.plan is not None:
        # A plan names lists, too.
        planned = decode_job(read_plan(Path(job.select.plan)).job)
        _check_files(planned.select.files.values(), permits, copies)
    _check_recipients(() if job.notify is None else job.notify.to, permits, copies)


def _check_recipients(recipients: Iterable[Recipient], permits: Permits, copies: Path) -> None:
    for one in recipients:
        if one.command:
            raise BadJobFile(
                "submitted jobs may not run commands: only a daemon's own job files may."
            )
        if one.keyring:
            raise BadJobFile("submitted jobs may not read the keyring.")
        secrets = one.secrets.values()
        _check_files((one.file, *(secret.file for secret in secrets)), permits, copies)
        for variable in (one.env, *(secret.env for secret in secrets)):
            _check_variable(variable, permits)


def _check_files(files: Iterable[str | None], permits: Permits, copies: Path) -> None:
    for file in files:
        if file and not any(_is_below(Path(file), folder) for folder in (copies, *permits.folders)):
            raise BadJobFile(
                f"{as_text(file)}: submitted jobs may not read that file.",
                "Start the daemon with --allow FOLDER for a folder that it is in.",
            )


def _check_portal(portal: Portal, permits: Permits, copies: Path) -> None:
    secrets = [secret for secret in (portal.webhook, portal.oauth) if secret is not None]
    named = (portal.ca_file, portal.named_in, portal.portals_file)
    _check_files((*named, *(secret.file for secret in secrets)), permits, copies)
    if portal.sandbox and "/" in portal.sandbox:
        raise BadJobFile("submitted jobs may not name a scenario's file.")
    for variable in (secret.env for secret in secrets):
        _check_variable(variable, permits)


def _check_variable(variable: str | None, permits: Permits) -> None:
    if variable and variable not in permits.variables and not _ENV.fullmatch(variable):
        raise BadJobFile(
            f"{variable}: submitted jobs may not read that variable.",
            f"Start the daemon with --allow-env {variable}.",
        )


def _with_lists(job: Job, book: OrderBook) -> Job:
    def kept(file: str) -> str:
        try:
            with Path(found(file)).open("rb") as content:
                return book.keep_list(Path(file).name, content)
        except OSError as error:
            raise BadSetting(f"{as_text(file)}: can't be read: {reason(error)}.") from error

    if "-" in job.select.files.values():
        raise BadSetting("A job with a list on standard input can't be submitted.", "Name a file.")
    after = job.after
    if after.expected is not None:
        after = msgspec.structs.replace(after, expected=kept(after.expected))
    return msgspec.structs.replace(job, select=job.select.with_paths(kept), after=after)


def _is_below(file: Path, folder: Path) -> bool:
    with suppress(OSError):
        return file.resolve().is_relative_to(folder.resolve())
    return False


def _plain(name: str) -> str:
    return _NOT_IN_NAMES.sub("-", name).strip("-")[:40] or "job"
