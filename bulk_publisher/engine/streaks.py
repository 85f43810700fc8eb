"""Failures alike in a row: when going on would only add to them.

Pure. One missing page is its own business; fifty in a row and nothing else ask for another word.

Source: docs/bitrix24.md §7.
"""

from collections import Counter
from collections.abc import Iterable

from bulk_publisher.engine.settle import StopSite
from bulk_publisher.errors import TooManyFailures
from bulk_publisher.model import Fault, FaultClass, Page, Scope, SiteId, Status
from bulk_publisher.portal import faults

ALIKE = 50
"""Failures with one unknown code, or with nothing but missing pages from the start."""
SITE_UNKNOWN = 10
"""Failures of a whole site in a row, where the site of the pages is not known."""

_FIRST = 5
"""Missing pages from the start that make one ask whether the scope is the right one."""

_MISSING = faults.NO_SUCH_PAGE


def scope_question(scope: Scope | None) -> str:
    """What to ask when not a single page is found."""
    return f"No page was found so far. Did you mean {_other(scope)}, or another portal?"


def _other(scope: Scope | None) -> str:
    return "--scope KNOWLEDGE" if scope is None else f"a scope other than {scope}"


class Streaks:
    """Counts what has failed alike, and says when it is enough."""

    def __init__(self, *, max_failures: int | None, has_found_any: bool = False) -> None:
        """Nothing has failed.

        Args:
            max_failures: Failures after which to stop; None for no such bound.
            has_found_any: An earlier process of the run has found a page.
        """
        self._max_failures = max_failures
        self._failures = 0
        self._code = ""
        self._in_a_row = 0
        self._has_found_any = has_found_any
        self._denied: Counter[SiteId] = Counter()
        self._good_sites: set[SiteId] = set()

    def on_found(self) -> None:
        """A page is there, whatever becomes of it."""
        self._has_found_any = True

    @property
    def is_nothing_found(self) -> bool:
        """Whether as many pages as a first batch has were asked for, and none of them was there."""
        is_missing = self._code == _MISSING and not self._has_found_any
        return is_missing and self._in_a_row >= _FIRST

    def has_done(self, site: SiteId | None) -> bool:
        """Whether a page of *site* was done: then the site itself is as it should be."""
        return site in self._good_sites

    def on_done(self, sites: Iterable[SiteId | None]) -> None:
        """Pages of these sites were done; None for a site that is not known."""
        self._code, self._in_a_row, self._has_found_any = "", 0, True
        self._good_sites.update(site for site in sites if site is not None)

    def on_settled(
        self, page: Page, status: Status, fault: Fault | None
    ) -> TooManyFailures | StopSite | None:
        """One more page has its outcome; says whether to stop."""
        if fault is None or status.is_good:
            self.on_done([page.site])
            return None
        self._failures += 1
        code = faults.base_code(fault.code)
        if code != _MISSING and fault.kind is not FaultClass.TRANSIENT:
            self._has_found_any = True
        self._in_a_row = self._in_a_row + 1 if code == self._code else 1
        self._code = code
        return self._verdict(page, fault)

    def _verdict(self, page: Page, fault: Fault) -> TooManyFailures | StopSite | None:
        # What ends the run comes before what ends a site: a site that is left would hide it.
        if self._max_failures is not None and self._failures >= self._max_failures:
            return TooManyFailures(
                f"The limit of failed pages is reached ({self._failures}), the last with {fault.code}."
                " Pages in flight were finished.",
                fault.hint,
            )
        is_of_unknown_site = fault.kind is FaultClass.SITE and page.site is None
        if is_of_unknown_site and self._in_a_row >= SITE_UNKNOWN:
            return TooManyFailures(
                f"{self._in_a_row} pages in a row failed with {fault.code}.", fault.hint
            )
        if self._code == _MISSING and not self._has_found_any and self._in_a_row >= ALIKE:
            return TooManyFailures(
                f"The first {self._in_a_row} pages all failed with {_MISSING}.",
                f"If you meant {_other(page.scope)}, or another portal, start a new run:"
                " a resume keeps the settings of this one.",
                is_for_resume=False,
            )
        if not faults.is_known(fault.code) and self._in_a_row >= ALIKE:
            return TooManyFailures(
                f"{self._in_a_row} pages in a row failed with {fault.code}: {fault.description or 'no description'}",
                "This code is not known here; check what the portal says about it, then resume.",
            )
        return self._site_verdict(page, fault)

    def _site_verdict(self, page: Page, fault: Fault) -> StopSite | None:
        if fault.code != faults.NOT_PUBLISHED or page.site is None:
            return None
        self._denied[page.site] += 1
        if page.site in self._good_sites or self._denied[page.site] < ALIKE:
            return None
        return StopSite(page.site, fault)
