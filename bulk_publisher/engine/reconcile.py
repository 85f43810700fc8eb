"""Pages whose answer was lost: were they done? What a list of the portal can say to that, and no more.

Pure: what was lost and what is listed now in, three lots of pages out.

How it works: the portal does the pages of a request in their order. A page that was not as it should
be when the request left, and is now, is a trace: the request came as far as that. So the pages
before the last trace were not to blame, and those of them that are as they should be are done. Of
the page at the last trace nobody saw the end: it may be up and its folder down, or be what the
request died of. Behind it, under suspicion is each page up to the first that was certainly not done;
the portal did not come to the others.

No page is told as done here that the list does not prove done; and only on a site of which the
portal has answered for a page in this run: where the site itself could not be switched on, a page is
listed as published and is not to be seen.

Source: docs/bitrix24.md §3, §4 [source].
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from bulk_publisher.engine.work import Work
from bulk_publisher.model import Fault, Page, PageId
from bulk_publisher.portal.actions import ActionSpec


@dataclass(frozen=True, slots=True)
class Lost:
    """Pages of one request, in its order, of which no answer came.

    Attributes:
        works: All pages of the request where it is lost as a whole.
        is_whole: All of the request was lost, not the answer to single pages of it.
    """

    works: Sequence[Work]
    fault: Fault
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What became of lost pages.

    Attributes:
        done: The list proves that they were done.
        suspects: They may be why the request was lost, as they go on.
        innocents: Whatever was lost, it was not for them; as they go on.
    """

    done: Sequence[Work]
    suspects: Sequence[Work]
    innocents: Sequence[Work]


def reconcile(
    lost: Lost,
    listed: Mapping[PageId, Page],
    spec: ActionSpec,
    *,
    tells: Callable[[Page], bool],
) -> Reconciled:
    """What *listed*, the pages as they are now, says of those that were lost.

    Args:
        tells: Whether the list can show that a page was done, on its site and in this run.
    """
    states = [
        spec.is_proved(work.page, listed.get(work.page.id)) if tells(work.page) else None
        for work in lost.works
    ]
    told = [state is not None for state in states]
    is_up = [state is True for state in states]
    traces = [up and work.leaves_trace for work, up in zip(lost.works, is_up, strict=True)]
    works = [
        msgspec.structs.replace(work, leaves_trace=can and not up)
        for work, can, up in zip(lost.works, told, is_up, strict=True)
    ]
    if not lost.is_whole:
        # The answer came, so the request ran to its end, and past each of them that did not fail.
        traces = [trace and not lost.fault.is_alone for trace in traces]
        return Reconciled(_only(works, traces), _only(works, [not it for it in traces]), [])
    last = max((at for at, is_trace in enumerate(traces) if is_trace), default=-1)
    behind = range(last + 1, len(works))
    first_not = next((at for at in behind if told[at] and not is_up[at]), len(works) - 1)
    places = range(len(works))
    return Reconciled(
        _only(works, [is_up[at] and at < last for at in places]),
        _only(works, [max(last, 0) <= at <= first_not for at in places]),
        _only(works, [at > first_not or (at < last and not is_up[at]) for at in places]),
    )


def _only(works: Sequence[Work], wanted: Sequence[bool]) -> list[Work]:
    return [work for work, is_wanted in zip(works, wanted, strict=True) if is_wanted]
