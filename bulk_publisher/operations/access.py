"""From a job to an open portal."""

import os
import random
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from bulk_publisher.client.paced_calls import Warn
from bulk_publisher.client.session import Access, Session, open_session
from bulk_publisher.jobs import Job
from bulk_publisher.portal.actions import ACTIONS
from bulk_publisher.portal.credentials import Credential
from bulk_publisher.sources.opening import found
from bulk_publisher.store import machine_state


def access_of(job: Job, credential: Credential) -> Access:
    """The portal that *job* names, by *credential*."""
    return Access(credential, job.portal.plan, ca_file_of(job), machine_state(os.environ))


def ca_file_of(job: Job) -> Path | None:
    """The certificates that *job* names; None for the system's."""
    return None if job.portal.ca_file is None else Path(found(job.portal.ca_file))


def session_of(
    job: Job, credential: Credential, rng: random.Random, *, warn: Warn
) -> AbstractAsyncContextManager[Session]:
    """The portal of *job*, open; see ``open_session``."""
    return open_session(access_of(job, credential), job.pace, ACTIONS[job.action], rng, warn=warn)
