"""What may be done about a job that the daemon knows, by its name alone: submit it, and have a plan made of it."""

import random
from urllib.parse import quote

from aiohttp import web

from bulk_publisher.jobs import Job
from bulk_publisher.model import Action
from bulk_publisher.report.text import pages_in_words
from bulk_publisher.serve.submitting import order_plan, submit_known
from bulk_publisher.utc import as_utc
from bulk_publisher.web.deeds.button import Button
from bulk_publisher.web.deeds.helm import Helm, refused
from bulk_publisher.web.deeds.question import Pressed, Question
from bulk_publisher.web.views.job_rows import JobRow
from bulk_publisher.web.views.undisturbed import in_thread
from bulk_publisher.web.views.wording import shortened


async def _ask_submit(helm: Helm, name: str) -> Question:
    row = await _row(helm, name)
    job = helm.around.daemon.jobs.get(name)
    takes_down = job is not None and job.action is Action.UNPUBLISH
    notes = ["It takes pages down."] if takes_down else []
    notes.extend(_expected(row))
    if row.under_way is not None:
        notes.append("It is being done now: this is once more.")
    return Question(
        action="submit", target=name, text=f"Do job {shortened(name)} once{_where(row)}.", notes=tuple(notes),
        pages=_pages(row), button="Submit", moment="at",
        moment_hint="When: 22:00, 2026-11-27 22:00 or +2h. Without it, now.", is_grave=takes_down,
    )  # fmt: skip


async def _submit(helm: Helm, name: str, moment: str) -> Pressed:
    await _row(helm, name)
    now, at = helm.now, helm.moment(moment, "at")
    agenda, rng = helm.around.store.agenda, random.SystemRandom()
    order = await in_thread(
        lambda: submit_known(agenda, name, at=at or now, now=now, by=helm.by, rng=rng)
    )
    due = "now" if at is None else f"at {as_utc(at)}"
    return _done("submit", name, f"Submitted {order.name}; due {due}.", order.name)


async def _ask_plan(helm: Helm, name: str) -> Question:
    row = await _row(helm, name)
    _check_planned(name, helm.around.daemon.jobs.get(name))
    return Question(
        action="plan", target=name, text=f"Make a plan of job {shortened(name)}{_where(row)}.",
        notes=(
            "The portal is asked what would be published. Nothing is changed.",
            "Somebody else than you approves the plan; then it can be published once, within 24 hours.",
        ),
        pages=_pages(row), button="Make a plan",
    )  # fmt: skip


async def _plan(helm: Helm, name: str, _moment: str) -> Pressed:
    await _row(helm, name)
    _check_planned(name, helm.around.daemon.jobs.get(name))
    agenda, rng = helm.around.store.agenda, random.SystemRandom()
    order = await in_thread(lambda: order_plan(agenda, name, now=helm.now, by=helm.by, rng=rng))
    done = _done("plan", name, f"A plan of job {shortened(name)} will be made.", order.name)
    return Pressed(action="plan", target=name, said=done.said, order=order.name, seen_at="/plans")


def _check_planned(name: str, job: Job | None) -> None:
    if job is not None and job.action is not Action.PUBLISH:
        raise refused(
            f"Job {shortened(name)} takes pages down: only what is published can be planned."
        )
    if job is not None and job.select.plan is not None:
        raise refused(f"Job {shortened(name)} does what a plan says already.")


async def _row(helm: Helm, name: str) -> JobRow:
    rows = await helm.views.jobs()
    found = next((row for row in rows if row.slot == name and row.can_be_submitted), None)
    if found is None:
        raise web.HTTPNotFound(text=f"No daemon knows a job called {shortened(name)}.")
    return found


def _where(row: JobRow) -> str:
    if row.portals > 1:
        return f", on {row.portals:,} portals"
    portal = row.recent[0].portal if row.recent else ""
    return f", on {portal}" if portal else ""


def _pages(row: JobRow) -> int | None:
    """As many as the last time; nobody knows before the portal is asked."""
    if not row.recent or row.portals != 1:
        return None
    last = row.recent[0]
    return last.pages if last.total is None and last.left == 0 else last.total


def _expected(row: JobRow) -> list[str]:
    pages = _pages(row)
    return [] if pages is None else [f"The last time it was about {pages_in_words(pages)}."]


def _done(action: str, job: str, said: str, order: str) -> Pressed:
    return Pressed(
        action=action,
        target=job,
        said=said,
        order=order,
        seen_at=f"/jobs#job-{quote(order, safe='')}",
    )


ON_JOBS = (
    Button("job", "submit", "Have the daemon do a job that it knows, once", _ask_submit, _submit),
    Button("job", "plan", "Have the daemon make a plan of a job, to be approved", _ask_plan, _plan),
)
