"""From a job to an open portal."""

import os
import random
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from bulk_publisher.client.client import Client
from bulk_publisher.client.notice import Warn
from bulk_publisher.client.session import Access, Session, open_session
from bulk_publisher.jobs import Job
from bulk_publisher.portal.actions import ACTIONS
from bulk_publisher.portal.credentials import Credential
from bulk_publisher.sources.opening import found
from bulk_publisher.store import machine_state

Entry = Credential | Client
"""How to get in: a credential, or a client that is open already."""


def credential_of(entry: Entry) -> Credential:
    """Who we are to the portal."""
    return entry.credential if isinstance(entry, Client) else entry


def access_of(job: Job, credential: Credential) -> Access:
    """The portal that *job* names, by *credential*."""
    return Access(credential, job.portal.plan, ca_file_of(job), machine_state(os.environ))


def ca_file_of(job: Job) -> Path | None:
    """The certificates that *job* names; None for the system's."""
    return None if job.portal.ca_file is None else Path(found(job.portal.ca_file))


def session_of(
    job: Job, entry: Entry, rng: random.Random, *, warn: Warn
) -> AbstractAsyncContextManager[Session]:
    """The portal of *job*, open; see ``open_session``. A client has settings of its own."""
    spec = ACTIONS[job.action]
    if isinstance(entry, Client):
        return entry.session(spec, rng, warn=warn)
    return open_session(access_of(job, entry), job.pace, spec, rng, warn=warn)
