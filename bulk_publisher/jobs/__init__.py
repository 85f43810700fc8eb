"""What did the user ask for? Job files and command lines both end in the same `Job`.

This room does not know how any of it is done.
"""

from bulk_publisher.client.pace import Pace, PortalPlan
from bulk_publisher.jobs.job import DEFAULT_WEBHOOK, Job, Portal, Secret, Selection
from bulk_publisher.jobs.job_file import read_job
from bulk_publisher.jobs.rules import pace_problems, portal_problems, selection_problems
from bulk_publisher.jobs.written import decode_job, encode_job

__all__ = [
    "DEFAULT_WEBHOOK",
    "Job",
    "Pace",
    "Portal",
    "PortalPlan",
    "Secret",
    "Selection",
    "decode_job",
    "encode_job",
    "pace_problems",
    "portal_problems",
    "read_job",
    "selection_problems",
]
