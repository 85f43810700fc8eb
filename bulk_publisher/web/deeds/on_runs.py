"""What may be done about a run: stop and pause it, go on with it, retry what failed, and verify it."""

from bulk_publisher.operations.describing import names_pages
from bulk_publisher.operations.following import count_followed, retry_of
from bulk_publisher.operations.resuming import status_of_whole
from bulk_publisher.operations.stopping import ask_to_end
from bulk_publisher.report.text import pages_in_words
from bulk_publisher.serve.submitting import order_for_run
from bulk_publisher.store.agenda import OrderKind
from bulk_publisher.store.protocol import KeptRun
from bulk_publisher.store.steering import Steering, Wish
from bulk_publisher.web.deeds.button import Button, Do
from bulk_publisher.web.deeds.helm import Helm, page_of_run, refused
from bulk_publisher.web.deeds.question import Pressed, Question
from bulk_publisher.web.views.one_run import OneRun
from bulk_publisher.web.views.undisturbed import in_thread


async def _ask_stop(helm: Helm, run: str) -> Question:
    told = await _running_or_left(helm, run, "stop")
    return Question(
        action="stop", target=run, text=f"Stop {_named(told)}.", notes=_ending_notes(told, "stop"),
        pages=told.row.left, button="Stop",
    )  # fmt: skip


async def _ask_pause(helm: Helm, run: str) -> Question:
    told = await _running_or_left(helm, run, "pause")
    return Question(
        action="pause", target=run, text=f"Pause {_named(told)}.", notes=_ending_notes(told, "pause"),
        pages=told.row.left, button="Pause", moment="until",
        moment_hint="When it may go on: 06:00, 2026-11-27 06:00 or +2h. Without it, until somebody continues it.",
    )  # fmt: skip


async def _running_or_left(helm: Helm, run: str, to_do: str) -> OneRun:
    told = await helm.views.run(run)
    if told.is_whole and not told.row.state.is_at_work:
        raise refused(f"Run {run} has ended; there is nothing to {to_do}.")
    return told


def _ending_notes(told: OneRun, to_do: str) -> tuple[str, ...]:
    left = "" if told.row.left is None else f"{pages_in_words(told.row.left)} of it are left."
    if told.row.state.is_at_work:
        ends = "Pages in flight finish, and no others are sent."
        after = "It can be continued." if to_do == "stop" else ""
        return tuple(note for note in (left, ends, after) if note)
    return tuple(
        note for note in (left, "It does not run now: a daemon will not continue it.") if note
    )


async def _stop(helm: Helm, run: str, _moment: str) -> Pressed:
    await _end(helm, run, Steering(wish=Wish.STOP, at=helm.now, by=helm.by))
    return _done("stop", run, f"Run {run} was asked to stop.")


async def _pause(helm: Helm, run: str, moment: str) -> Pressed:
    until = helm.moment(moment, "until")
    await _end(helm, run, Steering(wish=Wish.PAUSE, at=helm.now, until=until, by=helm.by))
    return _done("pause", run, f"Run {run} was asked to pause.")


async def _end(helm: Helm, run: str, steering: Steering) -> None:
    kept = await helm.kept(run)

    def ask() -> bool:
        if not kept.is_locked and kept.read_description().is_whole:
            return False
        ask_to_end(kept, steering)
        return True

    if not await in_thread(ask):
        to_do = "stop" if steering.wish is Wish.STOP else "pause"
        raise refused(f"Run {run} has ended; there is nothing to {to_do}.")


async def _ask_resume(helm: Helm, run: str) -> Question:
    told = await _resting(helm, run)
    kept = await helm.kept(run)
    if await in_thread(lambda: status_of_whole(kept)) is not None:
        raise refused(
            f"Run {run} is complete: every page is in its journal. Nothing is left to do."
        )
    description = await in_thread(kept.read_description)
    if not description.following and not names_pages(description.job_data or {}):
        raise refused(
            f"The pages of run {run} were named by a program: let that program continue it."
        )
    left = "" if told.row.left is None else f": {pages_in_words(told.row.left)} are left"
    return Question(
        action="resume", target=run, text=f"Continue {_named(told)}{left}.", pages=told.row.left,
        button="Continue", mark=f"{told.row.pages} {len(description.resumptions)}",
    )  # fmt: skip


async def _ask_retry(helm: Helm, run: str) -> Question:
    told = await _resting(helm, run)
    kept = await helm.kept(run)
    count = await in_thread(lambda: count_followed(kept, retry_of(kept)))
    # Not as it was at the last look: another one may just have been begun.
    retries = (await in_thread(kept.read_description)).retries
    is_retried = bool(retries) and await in_thread(lambda: kept.beside(retries[-1]).is_locked)
    if is_retried:
        raise refused(f"Run {retries[-1]} retries it just now.", "Wait until it has ended.")
    if not count:
        raise refused(f"Run {run} has no failed or unknown pages: nothing to retry.")
    notes = ["A new run does it."]
    if told.is_for_resume:
        notes.append("This run has not finished; the pages that it did not reach are not retried.")
    return Question(
        action="retry", target=run, text=f"Retry {pages_in_words(count)} that failed or are unknown, of {_named(told)}.",
        notes=tuple(notes), pages=count, button=f"Retry {pages_in_words(count)}", mark=f"{count} {len(retries)}",
    )  # fmt: skip


async def _ask_verify(helm: Helm, run: str) -> Question:
    told = await _resting(helm, run)
    if not told.row.pages:
        raise refused(f"Run {run} has no page in its journal: nothing to verify.")
    return Question(
        action="verify", target=run, text=f"Verify {pages_in_words(told.row.pages)} of {_named(told)}.",
        notes=("The portal is asked whether each page is as the journal says. Nothing is changed.",),
        pages=told.row.pages, button="Verify",
    )  # fmt: skip


async def _resting(helm: Helm, run: str) -> OneRun:
    """The run, which no process is at work on and that others can go on with."""
    told = await helm.views.run(run)
    kept = await helm.kept(run)
    if told.row.state.is_at_work or await in_thread(lambda: kept.is_locked):
        raise refused(f"Run {run} is going on.", "Stop it first, or wait until it has ended.")
    if told.why:
        raise refused(told.why)
    if not told.can_be_followed:
        raise refused(f"Run {run} was on a simulated portal of its own, which ended with it.")
    return told


def _ordered(kind: OrderKind, said: str) -> Do:
    async def order(helm: Helm, run: str, _moment: str) -> Pressed:
        kept: KeptRun = await helm.kept(run)
        agenda = helm.around.store.agenda
        order = await in_thread(lambda: order_for_run(agenda, kind, kept, now=helm.now, by=helm.by))
        return _done(kind.value, run, said.format(run=run), order.name)

    return order


def _done(action: str, run: str, said: str, order: str = "") -> Pressed:
    return Pressed(action=action, target=run, said=said, order=order, seen_at=page_of_run(run))


def _named(told: OneRun) -> str:
    row = told.row
    return f"run {row.run} on {row.portal or row.host or 'an unknown portal'}"


ON_RUNS = (
    Button("run", "pause", "End a run in order, until a moment or until somebody continues it", _ask_pause, _pause),
    Button("run", "stop", "End a run in order", _ask_stop, _stop),
    Button("run", "resume", "Have the daemon continue a run where it stopped", _ask_resume,
           _ordered(OrderKind.RESUME, "Run {run} will be continued.")),
    Button("run", "retry", "Have the daemon retry the failed and unknown pages of a run in a new one", _ask_retry,
           _ordered(OrderKind.RETRY, "What failed in run {run} will be retried.")),
    Button("run", "verify", "Have the daemon ask the portal whether a run's journal is right", _ask_verify,
           _ordered(OrderKind.VERIFY, "Run {run} will be verified.")),
)  # fmt: skip
