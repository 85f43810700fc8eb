"""From a job to an open portal."""

import os
import random
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bulk_publisher.client.client import Client
from bulk_publisher.client.notice import Warn
from bulk_publisher.client.session import Access, Session, open_session
from bulk_publisher.jobs import Job, Portal
from bulk_publisher.portal.actions import ACTIONS
from bulk_publisher.portal.credentials import Credential
from bulk_publisher.sources.opening import found
from bulk_publisher.store import SharedState, machine_state


@dataclass(frozen=True, slots=True)
class Reached:
    """A portal that was looked up: its credential, and what its entry says where it has a name.

    Nothing of that is written down with the run: it is looked up anew.

    Attributes:
        state: Where its limits are shared; None for with the runs of this machine.
    """

    credential: Credential
    portal: Portal
    state: SharedState | None = None


Entry = Credential | Client | Reached
"""How to get in: a credential, a client that is open already, or a portal that was looked up."""


def credential_of(entry: Entry) -> Credential:
    """Who we are to the portal."""
    return entry.credential if isinstance(entry, Client | Reached) else entry


def as_reached(job: Job, entry: Entry) -> Job:
    """*job* with the plan and the certificates of the portal's entry, where it says none itself."""
    if not isinstance(entry, Reached):
        return job
    portal = msgspec.structs.replace(
        job.portal,
        plan=job.portal.plan or entry.portal.plan,
        ca_file=job.portal.ca_file or entry.portal.ca_file,
    )
    return msgspec.structs.replace(job, portal=portal)


def access_of(job: Job, entry: Credential | Reached) -> Access:
    """The portal that *job* names, by *entry*."""
    job, credential = as_reached(job, entry), credential_of(entry)
    state = entry.state if isinstance(entry, Reached) else None
    return Access(credential, job.portal.plan, ca_file_of(job), state or machine_state(os.environ))


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
