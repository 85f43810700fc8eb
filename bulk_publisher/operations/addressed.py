"""Pages that are named by addresses: the portal is asked for them before anything is sent.

A resume asks again: what was settled stays settled by its ID, and an address that leads to nothing by now
is left out and told, since much of the run is done.
"""

from collections.abc import Mapping
from dataclasses import replace

from bulk_publisher.client.notice import Warn
from bulk_publisher.client.resolving import Resolver
from bulk_publisher.client.session import Session
from bulk_publisher.errors import BadSource
from bulk_publisher.operations.selecting import ByAddress, Effort, Selected, check_places
from bulk_publisher.page_ids.page_set import PageSet
from bulk_publisher.portal.addresses import Address, FoundPage, Unusable
from bulk_publisher.sources.table import (
    LISTED_PROBLEMS,
    SKIP_OR_CORRECT,
    bad_rows_in_words,
)


async def find_selected(selected: Selected, session: Session, *, warn: Warn) -> Selected:
    """*selected* once the portal was asked for what it names: its sites, its folders, its addresses.

    Raises:
        UsageError: If the portal does not show one of them.
        BulkPublisherError: If the portal can't be asked.
    """
    await check_places(session, selected.select)
    return await find_addressed(selected, session, warn=warn)


async def find_addressed(
    selected: Selected, session: Session, *, warn: Warn, is_strict: bool = True
) -> Selected:
    """*selected* with the pages at its addresses; as it is where it has none.

    Args:
        warn: Told how far it has come, and what is left out.
        is_strict: Refuse addresses that lead nowhere, unless the selection passes over bad rows.

    Raises:
        BadSource: If addresses lead nowhere and are not to be left out, or all do.
        BulkPublisherError: If the portal can't be asked.
    """
    source = selected.named
    if not isinstance(source, ByAddress) or not source.addresses:
        return selected
    began_at = session.clock.now()
    resolver = Resolver(session.calls, session.client.host, warn)
    answers = await resolver.find(dict.fromkeys(one for _, one in source.named_addresses()))
    effort = Effort(resolver.asked, resolver.requests, session.clock.now() - began_at)
    pages, again, problems = _sorted_out(source, answers)
    listed = problems[:LISTED_PROBLEMS]
    if problems and is_strict and not selected.select.skip_bad_rows:
        words = bad_rows_in_words(source.name, len(problems))
        raise BadSource(words, SKIP_OR_CORRECT, listed)
    if not pages:
        raise BadSource(f"{source.name} has no pages", problems=listed)
    if problems and not is_strict:
        warn(_skipped_in_words(problems))
    found = {one: at for one, at in answers.items() if isinstance(at, FoundPage)}
    limit = selected.select.limit
    return replace(
        selected,
        total=pages if limit is None else min(pages, limit),
        duplicates=selected.duplicates + again,
        bad_rows=selected.bad_rows + len(problems),
        problems=(*selected.problems, *listed),
        named=replace(source, found=found),
        effort=effort,
    )


def _sorted_out(
    source: ByAddress, answers: Mapping[Address, FoundPage | Unusable]
) -> tuple[int, int, tuple[str, ...]]:
    """How many pages there are, how often one is named again, and what is wrong with the others."""
    seen, again, problems = PageSet(), 0, []
    for where, address in source.named_addresses():
        match answers[address]:
            case Unusable(why):
                problems.append(f"{where}: {why}")
            case at:
                again += not seen.add(at.page)
    return len(seen), again, tuple(problems)


def _skipped_in_words(problems: tuple[str, ...]) -> str:
    first = problems[0]
    if len(problems) == 1:
        return f"One address no longer leads to a page and is skipped: {first}"
    return (
        f"{len(problems):,} addresses no longer lead to a page and are skipped. The first: {first}"
    )
