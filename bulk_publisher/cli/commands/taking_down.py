"""The question before pages are taken down: how many they are, of which sites, on which portal."""

import asyncio
import random
from collections import Counter
from functools import partial

from bulk_publisher.cli.commands.doing import open_credential
from bulk_publisher.cli.commands.parameters.run_options import (
    confirm,
    is_somebody_there,
    nobody_there,
)
from bulk_publisher.cli.output.output import Output
from bulk_publisher.jobs import Job, Selection
from bulk_publisher.model import SiteId
from bulk_publisher.operations.access import session_of
from bulk_publisher.operations.addressed import find_selected
from bulk_publisher.operations.selecting import Selected
from bulk_publisher.report.text import pages_in_words, portal_in_words
from bulk_publisher.store import SharedState

_MOST = 20_000
"""Pages that are counted: more take a minute, and change no answer."""
_NAMED = 8
"""Sites that are named one by one."""

_Sites = Counter[SiteId | None]


def may_take_down(job: Job, selected: Selected, output: Output, state: SharedState) -> bool:
    """Ask whether the pages of *job* are to be taken down; no pages need no answer.

    Nothing is asked of the portal where nobody is there to answer.

    Args:
        state: Where its limits are shared.

    Raises:
        BadSetting: If there is no terminal to ask at.
        BulkPublisherError: If the pages can't be read or listed.
    """
    if not is_somebody_there():
        raise nobody_there(f"Take down {_named(selected)}?")
    output.open_log()
    host, sites = asyncio.run(_look(job, selected, output, state))
    where = portal_in_words(host, job.portal.name)
    return not sites or confirm(_question(where, sites), is_yes=False, output=output)


def _named(selected: Selected) -> str:
    """What is to be taken down, as far as it is known without asking the portal."""
    select: Selection = selected.select
    if selected.total is not None:
        return pages_in_words(selected.total)
    for what, ids in (("folder", select.folder), ("site", select.site)):
        if ids:
            return f"the pages of {what}{'s' if len(ids) > 1 else ''} {', '.join(map(str, ids))}"
    return f"every page of scope {select.scope}"


async def _look(
    job: Job, selected: Selected, output: Output, state: SharedState
) -> tuple[str, _Sites]:
    """The portal, and how many pages of which sites there are."""
    sites: _Sites = Counter()
    warn = partial(output.explain, colour="yellow")
    async with (
        open_credential(job, output, state) as reached,
        session_of(job, reached, random.Random(), warn=warn) as session,
    ):
        selected = await find_selected(selected, session, warn=warn)
        async for page in selected.pages(session.calls, warn=warn):
            if page.skip is not None:
                continue
            if sites.total() == _MOST:
                return session.client.host, sites
            sites[page.site] += 1
        return session.client.host, sites


def _question(where: str, sites: _Sites) -> str:
    """``Take down 19 pages on HOST: 12 of site 7, 7 of site 8?``."""
    least = "at least " if sites.total() == _MOST else ""
    named = sites.most_common(_NAMED)
    words = [
        f"{count:,} of {'an unknown site' if site is None else f'site {site}'}"
        for site, count in named
    ]
    if others := len(sites) - len(named):
        rest = sites.total() - sum(count for _, count in named)
        words.append(f"{rest:,} of {others:,} other site{'s' if others > 1 else ''}")
    return f"Take down {least}{pages_in_words(sites.total())} on {where}: {', '.join(words)}?"
