"""``--dry-run``: what would be done; it looks, and changes nothing."""

import random
from collections import Counter

from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.ending import no_page_line
from bulk_publisher.client.session import Session
from bulk_publisher.client.sites import list_sites_of
from bulk_publisher.jobs import Job
from bulk_publisher.model import Page, Scope, SiteId
from bulk_publisher.operations.access import Entry, session_of
from bulk_publisher.operations.addressed import find_selected
from bulk_publisher.operations.selecting import Selected
from bulk_publisher.report.text import (
    DENIED,
    carried_lines,
    pages_in_words,
    passed_over_lines,
    portal_in_words,
)


async def dry_run(job: Job, selected: Selected, entry: Entry, output: Output) -> None:
    """Say which pages *job* selects, and in which state they are.

    Raises:
        BulkPublisherError: If the pages can't be read or listed, or the portal lists none of them.
    """
    states: Counter[str] = Counter()
    sites: Counter[str] = Counter()
    places: Counter[tuple[Scope | None, SiteId | None]] = Counter()
    asked = listed = 0
    async with session_of(job, entry, random.Random(), warn=output.warn) as session:
        if session.warning:
            output.explain(session.warning, colour="yellow")
        selected = await find_selected(selected, session, warn=output.warn)
        # Whether the scope is the right one is asked once all pages were looked for.
        async for page in selected.pages(session.calls, is_proved=True, warn=output.warn):
            states[_state(page)] += 1
            sites["site unknown" if page.site is None else f"site {page.site}"] += 1
            places[page.scope, page.site] += page.skip is None
            asked += page.is_missing is not None
            listed += page.is_missing is False
        selected.check_listed(asked=asked, listed=listed)
        denied = await _denied(session, places)
        where = portal_in_words(session.client.host, job.portal.name)
    would = f"Would {job.action.value} {pages_in_words(_sendable(states))} on {where}"
    output.put(f"{would}:" if states else f"{would}.")
    if not states and (why := no_page_line(job.select)):
        output.explain(why, colour="yellow")
    for state, count in states.most_common():
        output.put(f"  {count:,} {state}")
    if denied:
        output.put(f"  {denied:,} {DENIED}")
    for site, count in sites.most_common():
        output.put(f"  {count:,} of {site}")
    for line in passed_over_lines(selected.counts):
        output.put(line)
    for problem in selected.problems:
        output.explain(problem, indent=2)
    for line in carried_lines(selected.carried):
        output.put(line)
    output.say("Dry run: nothing was changed.")


async def _denied(session: Session, places: Counter[tuple[Scope | None, SiteId | None]]) -> int:
    """Pages of sites on which the credential may not publish."""
    known = {place for place in places if place[1] is not None}
    sites = await list_sites_of(session, known)
    return sum(places[site.scope, site.id] for site in sites if site.may_publish is False)


def _sendable(states: Counter[str]) -> int:
    return states.total() - states["to be skipped"]


def _state(page: Page) -> str:
    if page.skip is not None:
        return "to be skipped"
    if page.is_missing:
        return "not listed by the portal: they will most likely fail"
    if page.was_active is None:
        return "whose state is not known"
    if not page.was_active:
        return "not online now"
    return "online, with edits since" if page.is_changed else "online already"
