"""What assistants are told: answers as plain data, numbers and words of ours apart from those of the portal. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from bulk_publisher.errors import BadSetting, BulkPublisherError, NotApproved
from bulk_publisher.mcp_server.portal_data import bounded, portal_data, rows
from bulk_publisher.model import Epoch, Status
from bulk_publisher.operations.checking import Examination
from bulk_publisher.operations.plan_file import Plan
from bulk_publisher.operations.publishing import Finished
from bulk_publisher.operations.verifying import Verified
from bulk_publisher.report.export import story_as_dict
from bulk_publisher.report.history import JobHistory
from bulk_publisher.report.past import PastRun
from bulk_publisher.report.story import Story
from bulk_publisher.store.agenda import Slot
from bulk_publisher.store.heard import Heard
from bulk_publisher.utc import as_utc

_MOST_RANGES = 20


def of_examination(found: Examination, name: str | None) -> dict[str, Any]:
    """What ``doctor`` has found."""
    told = found.as_dict()
    return {
        "portal": bounded(found.host),
        "portal_name": name,
        "is_usable": found.is_usable,
        "checks": [{"name": check.name, "verdict": check.verdict.value} for check in found.checks],
        **portal_data(checks=told["checks"], sites=rows(told["sites"])),
    }


def of_plan(plan: Plan, warnings: Iterable[str]) -> dict[str, Any]:
    """What a run would do."""
    estimate = plan.estimate
    return {
        "portal": bounded(plan.portal),
        "portal_name": plan.portal_name,
        "made": plan.made,
        "pages_to_send": plan.sent,
        "pages": {
            scope or "without scope": rows(ranges, most=_MOST_RANGES)
            for scope, ranges in plan.pages.items()
        },
        "by_state": {state.value: count for state, count in plan.counts.items()},
        "on_sites_without_the_right": plan.denied,
        "duplicates": plan.duplicates,
        "bad_rows": plan.bad_rows,
        "estimate": {
            "seconds": round(estimate.seconds, 1),
            "requests": estimate.requests,
            "seconds_of_operating_time": round(estimate.operating, 1),
        },
        "ends": None if plan.course is None else plan.course.ends,
        **portal_data(
            also_put_online=rows(msgspec.to_builtins(plan.opens)),
            skipped=rows({"reason": why, "pages": n} for why, n in plan.skips.items()),
            problems=rows(plan.problems),
            warnings=rows(warnings),
        ),
    }


def of_story(story: Story) -> dict[str, Any]:
    """What a run has done."""
    told = story_as_dict(story)
    failures = told.pop("failures")
    others = {
        name: told.pop(name)
        for name in ("stopped_by", "stopped_sites", "selected", "portal", "portal_name")
    }
    sites = told.pop("sites")
    return {
        **bounded(told),
        "sites": rows(sites),
        **portal_data(
            **others, failures=rows({"code": code, **one} for code, one in failures.items())
        ),
    }


def of_snapshot(heard: Heard) -> dict[str, Any]:
    """How a run stands that goes on."""
    told: dict[str, Any] = msgspec.to_builtins(heard.snapshot)
    others = {
        name: told.pop(name, None) for name in ("last_failures", "portal", "portal_name", "waiting")
    }
    errors = told.pop("errors", {})
    return {
        "state": "running",
        "said_seconds_ago": round(heard.age, 1),
        **bounded(told),
        **portal_data(
            **others, errors=rows({"code": code, "pages": n} for code, n in errors.items())
        ),
    }


def of_past(past: PastRun) -> dict[str, Any]:
    """A line on a run, for a list."""
    started = past.started_at
    return {
        "run": bounded(past.kept.name),
        "job": past.job,
        "portal": past.portal,
        "state": past.how.value,
        "started": None if started is None else as_utc(started),
        "ended": None if past.description is None else past.description.ended,
        "counts": past.counts,
    }


def of_verified(verified: Verified) -> dict[str, Any]:
    """What the portal shows of the pages of a run."""
    return {
        "pages": verified.pages,
        "agreeing": verified.agreeing,
        "differing": verified.differing,
        "taken_down_by_a_rollback": verified.rolled_back,
        "unknown_before_and_now": {status.value: n for status, n in verified.settled.items()},
        "still_unknown": verified.unsettled,
        "state_not_shown": verified.untold,
        **portal_data(differing=rows(msgspec.to_builtins(verified.first))),
    }


def of_history(told: JobHistory) -> dict[str, Any]:
    """What a job has done."""
    trends = ({**msgspec.to_builtins(one), "change_share": one.change_share} for one in told.trends)
    return {
        "job": told.job,
        "runs": rows(map(of_past, told.runs), most=10),
        "trends": rows(trends),
        "fails_again_and_again": rows(msgspec.to_builtins(told.repeats)),
        "unread": rows(told.unread),
    }


def of_slot(name: str, slot: Slot) -> dict[str, Any]:
    """A job of the daemon."""
    last = slot.last
    return {
        "job": bounded(name),
        "cron": slot.cron or None,
        "timezone": slot.timezone or None,
        "next_due": _moment(slot.next_due),
        "is_running": slot.firing is not None,
        "last": None
        if last is None
        else {"ended": _moment(last.at), "status": last.status, "runs": list(last.runs[:10])},
    }


def of_finished(finished: Finished, changes: list[str], warnings: Iterable[str]) -> dict[str, Any]:
    """How a run has ended."""
    totals, error = finished.totals, finished.ending.error
    return {
        "run": finished.kept.run_id,
        "status": finished.status,
        "is_whole": finished.ending.is_whole,
        "pages": totals.pages,
        "counts": _counts(totals.counts),
        "seconds": round(finished.ending.seconds, 1),
        **portal_data(
            why_it_stopped=None if error is None else error.message,
            hint=None if error is None else error.hint,
            changes_since_the_plan=rows(changes),
            warnings=rows(warnings),
            failures=rows(
                {"code": code, "pages": one.count, "hint": one.hint}
                for code, one in totals.failures.items()
            ),
        ),
    }


def of_error(error: BulkPublisherError) -> dict[str, Any]:
    """Why a tool could not do it; what may repeat the portal's words stands apart."""
    told = {"message": error.message, "hint": error.hint}
    kind = {"error": type(error).__name__, "exit_status": error.exit_status}
    if isinstance(error, NotApproved | BadSetting):
        # It is made of our words, checked names and the settings of this machine; what an assistant
        # has named that may be text of others is a BadSource.
        return {**kind, **bounded(told)}
    return {**kind, **portal_data(**told)}


def _counts(counts: Mapping[Status, int]) -> dict[str, int]:
    return {status.value: count for status, count in counts.items()}


def _moment(at: float | None) -> str | None:
    return None if at is None else as_utc(Epoch(at))
