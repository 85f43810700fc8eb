"""What the portal says of a page when it is asked afterwards, against what the journal says.

Pure. A page that is ``unknown`` in the journal is settled here: the line
in the journal stays as it is, and the verdict stands beside it, in ``verify.jsonl``.
"""

import msgspec

from bulk_publisher.model import Action, Outcome, Page, PageId, Scope, Status


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``verify.jsonl``.

    Attributes:
        time: When the portal was asked.
        status: As the journal says.
        verdict: As it is: the journal's word, or for an unknown page what the portal shows.
        agrees: Whether the portal shows what the journal says; null where it can't show that.
        active: Whether the page is online; null where it is not listed.
        changed: Whether it was edited since it was last published; null where that is not told.
        listed: Whether the portal lists it.
        url_status: The HTTP status of its public address; null where it was not asked for.
        note: In words, what differs or could not be told.
        row: What else its row in a list says, as in the journal.
    """

    time: str
    run: str
    page: PageId
    scope: Scope | None
    action: Action
    status: Status
    verdict: Status
    agrees: bool | None
    active: bool | None
    changed: bool | None
    listed: bool
    url: str | None
    url_status: int | None
    note: str | None
    row: dict[str, str] | None = None


def judge(outcome: Outcome, listed: Page | None, *, time: str) -> Verdict:
    """What *listed*, the page as the portal lists it now, says of its *outcome*."""
    verdict, agrees, note = _judged(outcome, listed)
    return Verdict(
        time=time,
        run=outcome.run,
        page=outcome.page,
        scope=outcome.scope,
        action=outcome.action,
        status=outcome.status,
        verdict=verdict,
        agrees=agrees,
        active=None if listed is None else listed.was_active,
        changed=None if listed is None else listed.is_changed,
        listed=listed is not None,
        url=outcome.url if listed is None else listed.url or outcome.url,
        url_status=None,
        note=note,
        row=outcome.row,
    )


def _judged(outcome: Outcome, listed: Page | None) -> tuple[Status, bool | None, str | None]:
    if outcome.status is Status.UNKNOWN:
        return _judged_unknown(outcome, listed)
    if outcome.status is Status.FAILED:
        return _judged_failed(outcome, listed)
    if listed is None:
        return outcome.status, False, "The portal does not list it any more."
    if listed.was_active is None:
        return outcome.status, None, "The portal does not say whether it is online."
    is_up = outcome.status is not Status.UNPUBLISHED
    if listed.was_active is not is_up:
        return outcome.status, False, "It is online." if listed.was_active else "It is not online."
    return outcome.status, True, "It was edited since." if is_up and listed.is_changed else None


def _judged_unknown(
    outcome: Outcome, listed: Page | None
) -> tuple[Status, bool | None, str | None]:
    if listed is None:
        return Status.FAILED, None, "It was not done: the portal does not list it."
    if listed.was_active is None:
        return Status.UNKNOWN, None, "The portal does not say whether it is online."
    if outcome.action is Action.UNPUBLISH:
        if listed.was_active:
            return Status.FAILED, None, "It was not done: it is online."
        return Status.UNPUBLISHED, None, "It is down, as it should be."
    if not listed.was_active:
        return Status.FAILED, None, "It was not done: it is not online."
    if listed.is_changed or (listed.is_changed is None and outcome.was_active is not False):
        return Status.UNKNOWN, None, "It is online, perhaps without its latest edits: retry it."
    return Status.PUBLISHED, None, "It is online, with its latest edits."


def _judged_failed(outcome: Outcome, listed: Page | None) -> tuple[Status, bool | None, str | None]:
    if listed is None or outcome.was_active is None or listed.was_active is None:
        return Status.FAILED, True if listed is None else None, None
    if listed.was_active is outcome.was_active:
        return Status.FAILED, True, None
    now = "online" if listed.was_active else "down"
    return Status.FAILED, False, f"It is {now}, as it was not before the run."
