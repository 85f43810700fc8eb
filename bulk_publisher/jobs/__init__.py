"""What did the user ask for? Job files and command lines both end in the same `Job`.

This room does not know how any of it is done. Its names are loaded when they are used: a command shows
its options without them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bulk_publisher.client.pace import Pace, PortalPlan
    from bulk_publisher.jobs.job import (
        DEFAULT_WEBHOOK,
        WAYS_IN,
        After,
        Job,
        Notify,
        Occasion,
        Overlap,
        Portal,
        Recipient,
        Schedule,
        Secret,
        Selection,
    )
    from bulk_publisher.jobs.job_file import read_job
    from bulk_publisher.jobs.many_portals import ALONE, by_portal, with_portals_named
    from bulk_publisher.jobs.named_portals import (
        NamedPortals,
        find_portal,
        portals_path,
        read_portals,
    )
    from bulk_publisher.jobs.portal_entries import put_portal, remove_portal
    from bulk_publisher.jobs.rules import (
        pace_problems,
        portal_problems,
        selection_problems,
    )
    from bulk_publisher.jobs.values import is_portal_name
    from bulk_publisher.jobs.written import decode_job, encode_job

__all__ = [
    "ALONE",
    "DEFAULT_WEBHOOK",
    "WAYS_IN",
    "After",
    "Job",
    "NamedPortals",
    "Notify",
    "Occasion",
    "Overlap",
    "Pace",
    "Portal",
    "PortalPlan",
    "Recipient",
    "Schedule",
    "Secret",
    "Selection",
    "by_portal",
    "decode_job",
    "encode_job",
    "find_portal",
    "is_portal_name",
    "pace_problems",
    "portal_problems",
    "portals_path",
    "put_portal",
    "read_job",
    "read_portals",
    "remove_portal",
    "selection_problems",
    "with_portals_named",
]

_HOMES = {
    "client.pace": {"Pace", "PortalPlan"},
    "jobs.job": {
        "DEFAULT_WEBHOOK",
        "WAYS_IN",
        "After",
        "Job",
        "Notify",
        "Occasion",
        "Overlap",
        "Portal",
        "Recipient",
        "Schedule",
        "Secret",
        "Selection",
    },
    "jobs.job_file": {"read_job"},
    "jobs.many_portals": {"ALONE", "by_portal", "with_portals_named"},
    "jobs.named_portals": {"NamedPortals", "find_portal", "portals_path", "read_portals"},
    "jobs.portal_entries": {"put_portal", "remove_portal"},
    "jobs.values": {"is_portal_name"},
    "jobs.rules": {"pace_problems", "portal_problems", "selection_problems"},
    "jobs.written": {"decode_job", "encode_job"},
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"bulk_publisher.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
