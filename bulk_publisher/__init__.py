"""Publishes Bitrix24 pages in bulk: every page accounted for, at the portal's limits."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulk_publisher.client.client import DEFAULT, Client
    from bulk_publisher.client.oauth import OAuth
    from bulk_publisher.client.pace import Pace, PortalPlan
    from bulk_publisher.errors import (
        BadJobFile,
        BadJournal,
        BadSetting,
        BadSource,
        BulkPublisherError,
        HoursOver,
        JournalLost,
        LimitReached,
        ListIncomplete,
        PortalUnusable,
        RunBusy,
        StoppedByPortal,
        TooManyFailures,
        UsageError,
    )
    from bulk_publisher.model import (
        Action,
        Only,
        Order,
        Outcome,
        Page,
        PageId,
        Scope,
        SiteId,
        Status,
    )
    from bulk_publisher.operations.api import (
        pages,
        plan,
        publish,
        resume,
        retry,
        rollback,
        unpublish,
        verify,
    )
    from bulk_publisher.operations.job_runs import JobRuns, PortalResult, run_jobs
    from bulk_publisher.operations.named_client import client_for
    from bulk_publisher.operations.named_pages import (
        Pages,
        from_csv,
        from_folder,
        from_scope,
        from_site,
        from_urls,
        from_xlsx,
    )
    from bulk_publisher.operations.page_rows import PageRow
    from bulk_publisher.operations.plan_file import Plan
    from bulk_publisher.operations.running import Result, Run, RunProgress
    from bulk_publisher.operations.verifying import Verified
    from bulk_publisher.portal.credentials import Credential, Webhook
    from bulk_publisher.store import Store, open_store

__version__ = "0.1.0"

__all__ = [
    "DEFAULT",
    "Action",
    "BadJobFile",
    "BadJournal",
    "BadSetting",
    "BadSource",
    "BulkPublisherError",
    "Client",
    "Credential",
    "HoursOver",
    "JobRuns",
    "JournalLost",
    "LimitReached",
    "ListIncomplete",
    "OAuth",
    "Only",
    "Order",
    "Outcome",
    "Pace",
    "Page",
    "PageId",
    "PageRow",
    "Pages",
    "Plan",
    "PortalPlan",
    "PortalResult",
    "PortalUnusable",
    "Result",
    "Run",
    "RunBusy",
    "RunProgress",
    "Scope",
    "SiteId",
    "Status",
    "StoppedByPortal",
    "Store",
    "TooManyFailures",
    "UsageError",
    "Verified",
    "Webhook",
    "__version__",
    "client_for",
    "from_csv",
    "from_folder",
    "from_scope",
    "from_site",
    "from_urls",
    "from_xlsx",
    "open_store",
    "pages",
    "plan",
    "publish",
    "resume",
    "retry",
    "rollback",
    "run_jobs",
    "unpublish",
    "verify",
]

if not TYPE_CHECKING:
    _PLACES = {
        "client.client": ("DEFAULT", "Client"),
        "client.oauth": ("OAuth",),
        "client.pace": ("Pace", "PortalPlan"),
        "errors": (
            "BadJobFile",
            "BadJournal",
            "BadSetting",
            "BadSource",
            "BulkPublisherError",
            "HoursOver",
            "JournalLost",
            "LimitReached",
            "ListIncomplete",
            "PortalUnusable",
            "RunBusy",
            "StoppedByPortal",
            "TooManyFailures",
            "UsageError",
        ),
        "model": (
            "Action",
            "Only",
            "Order",
            "Outcome",
            "Page",
            "PageId",
            "Scope",
            "SiteId",
            "Status",
        ),
        "operations.api": (
            "pages",
            "plan",
            "publish",
            "resume",
            "retry",
            "rollback",
            "unpublish",
            "verify",
        ),
        "operations.job_runs": ("JobRuns", "PortalResult", "run_jobs"),
        "operations.named_client": ("client_for",),
        "operations.named_pages": (
            "Pages",
            "from_csv",
            "from_folder",
            "from_scope",
            "from_site",
            "from_urls",
            "from_xlsx",
        ),
        "operations.page_rows": ("PageRow",),
        "operations.plan_file": ("Plan",),
        "operations.running": ("Result", "Run", "RunProgress"),
        "operations.verifying": ("Verified",),
        "portal.credentials": ("Credential", "Webhook"),
        "store": ("Store", "open_store"),
    }

    def __getattr__(name: str) -> object:
        for module, names in _PLACES.items():
            if name in names:
                # aiohttp costs 150 ms, asyncio 60: only who uses a name pays for it.
                from importlib import import_module  # noqa: PLC0415 - lazy on purpose

                found = getattr(import_module(f"bulk_publisher.{module}"), name)
                # The next time it is found without this.
                globals()[name] = found
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
