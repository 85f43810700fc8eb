"""What a daemon says: a line for each thing that happens in it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bulk_publisher.cli.output.ending_line import ending_line
from bulk_publisher.cli.output.output import Output
from bulk_publisher.report.text import in_words, pages_in_words
from bulk_publisher.serve import timetable
from bulk_publisher.serve.happenings import (
    ClockSetBack,
    Draining,
    FileRefused,
    Happening,
    JobDue,
    JobEnds,
    JobsRead,
    PlanAway,
    PlanBack,
    RunBegins,
    RunEnds,
    RunRests,
)
from bulk_publisher.serve.timetable import Happened
from bulk_publisher.text.escaping import printable
from bulk_publisher.utc import as_utc

_NAMED = 20
"""Jobs that are named; of the others it is said how many there are."""
_NOBODY = "no daemon ran or the machine slept"


class Teller:
    """Says on stderr what happens."""

    def __init__(self, output: Output, places: Sequence[Path] = ()) -> None:
        """Nothing has happened.

        Args:
            places: Where job files are looked for.
        """
        self._output = output
        self._places = tuple(map(str, places))

    def __call__(self, happening: Happening) -> None:
        """Something has happened."""
        match happening:
            case JobsRead(names):
                where = f" in {_names_in_words(self._places)}" if self._places and not names else ""
                self._say("jobs.read", f"Jobs: {_names_in_words(names)}{where}.")
            case ClockSetBack() | FileRefused() | PlanAway() | PlanBack():
                self._warn(_trouble_in_words(happening))
            case JobDue(job, what):
                self._say("job.due", f"{job}: {_due_in_words(what)}.")
            case RunBegins(job, portal, started, goes_on):
                begins = "continues" if goes_on else "begins"
                where = started.session.client.host
                self._say(
                    "run.begins",
                    f"{_name(job, portal)}: run {started.kept.run_id} {begins} on {where}.",
                )
            case RunRests():
                self._tell_rest(happening)
            case RunEnds():
                self._tell_end(happening)
            case JobEnds():
                pass
            case Draining(runs, why):
                if why:
                    self._warn(printable(why))
                self._say("draining", f"Ending: runs to finish their pages in flight: {runs}.")

    def _tell_rest(self, rests: RunRests) -> None:
        if self._output.is_terse:
            # It goes on, and how it ends is said then.
            return
        until = "until somebody resumes it" if rests.at is None else f"until {as_utc(rests.at)}"
        which = f"run {rests.run}" if rests.run else "it"
        name = _name(rests.job, rests.portal)
        self._warn(f"{name}: {which} rests {until}: {printable(rests.why)}")

    def _tell_end(self, ends: RunEnds) -> None:
        name = _name(ends.job, ends.portal)
        if self._output.is_terse:
            if ends.status:
                self._output.complain(_terse_line(name, ends))
            return
        if ends.kind.only_asks:
            self._say_or_warn(ends.status, f"{name}, {ends.kind}: {_why_in_words(ends)}")
            return
        run = f"run {ends.run}" if ends.run else "no run"
        if ends.finished is not None:
            after = ends.aftermath
            bad = ends.finished.totals.bad if after is None else len(after.new)
            failed = f", {bad:,} failed or unknown" if bad else ""
            known = f", {len(after.known):,} failed as expected" if after and after.known else ""
            done = f": {pages_in_words(ends.finished.totals.pages)}{failed}{known}"
        else:
            done = ""
        text = f"{name}: {run} ended with status {ends.status}{done}."
        if ends.why:
            text = f"{text} {_why_in_words(ends)}"
        self._say_or_warn(ends.status, text)

    def _say_or_warn(self, status: int, text: str) -> None:
        if status:
            self._warn(text)
        else:
            self._say("run.ends", text)

    def _say(self, event: str, text: str) -> None:
        self._output.say(text, event=event)

    def _warn(self, text: str) -> None:
        self._output.warn(text)


def _why_in_words(ends: RunEnds) -> str:
    return f"{printable(ends.why)} {printable(ends.hint)}".rstrip()


def _trouble_in_words(happening: ClockSetBack | FileRefused | PlanAway | PlanBack) -> str:
    match happening:
        case ClockSetBack(by):
            return f"This machine's clock was set back by {in_words(by)}."
        case FileRefused(_path, why, keeps_last):
            kept = " Its last good version stays in use." if keeps_last else ""
            return f"{why}.{kept}"
        case PlanAway(why):
            return f"The plan can't be reached, and nothing begins until it can: {printable(why)}"
        case PlanBack():
            return "The plan can be reached again."


def _terse_line(name: str, ends: RunEnds) -> str:
    finished, aftermath = ends.finished, ends.aftermath
    failed: dict[str, int] = {}
    if aftermath is not None:
        failed = dict(Counter(aftermath.new.values()))
    elif finished is not None:
        failed = {code: one.count for code, one in finished.totals.failures.items()}
    run = ends.run if aftermath is None else aftermath.runs[-1].run_id
    advice = f"Retry them with: bulk-publisher retry {run}" if ends.status == 1 else ""
    if run and ends.status != 1 and (finished is None or not finished.is_whole):
        advice = f"Continue with: bulk-publisher resume {run}"
    why = f"{ends.why} {ends.hint}".strip()
    return ending_line(name, run, failed=failed, why=why, advice=advice, status=ends.status)


def _names_in_words(names: tuple[str, ...]) -> str:
    more = f", and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return printable(", ".join(names[:_NAMED])) + more or "none"


def _name(job: str, portal: str) -> str:
    return f"{printable(job)} on {printable(portal)}" if portal else printable(job)


def _due_in_words(what: Happened) -> str:
    due = as_utc(what.due)
    match what:
        case timetable.Fired():
            return f"due at {due}"
        case timetable.CaughtUp():
            return f"was due at {due}, when {_NOBODY}; it begins now"
        case timetable.Missed():
            return f"was due at {due}, when {_NOBODY}; it waits for its next time"
        case timetable.Skipped():
            return f"due at {due}, but its last run still goes on; it waits for its next time"
        case timetable.Queued():
            return f"due at {due}, but its last run still goes on; it begins afterwards"
