"""A job for many portals, as a job for each: what is done of it on one holds up none of the others."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from bulk_publisher.errors import BadSource
from bulk_publisher.jobs.job import Job, Portal
from bulk_publisher.jobs.named_portals import NamedPortals, portals_path, read_portals
from bulk_publisher.jobs.portal_labels import portal_label
from bulk_publisher.jobs.portals_list import read_portals_list
from bulk_publisher.sources.opening import found
from bulk_publisher.text.shown import as_text, listed, shown

ALONE = ""
"""How the one portal of a job is called that names no others."""


def by_portal(job: Job, environment: Mapping[str, str]) -> dict[str, Job]:
    """*job* for each of its portals, by what it calls them, in its order; under `ALONE` where it is for one.

    Raises:
        UsageError: If its portals can't be told: a pattern means none, a list can't be read, a name is not
            there.
    """
    if not job.names_many:
        return {ALONE: job}
    own = msgspec.structs.replace(job.portal, portals=None, portals_file=None)
    return {
        name: msgspec.structs.replace(job, portals=(), portal=_with_defaults(portal, own))
        for name, portal in _portals(job, environment).items()
    }


def with_portals_named(job: Job, environment: Mapping[str, str]) -> Job:
    """*job* that names by itself what a list names: it is the same wherever it is read.

    Raises:
        UsageError: As ``by_portal`` does.
    """
    if job.portal.portals_file is None:
        return job
    own = msgspec.structs.replace(job.portal, portals_file=None, named_in=None)
    portals = tuple(one.portal for one in by_portal(job, environment).values())
    return msgspec.structs.replace(job, portal=own, portals=portals)


def _portals(job: Job, environment: Mapping[str, str]) -> dict[str, Portal]:
    own = job.portal
    if own.portals is not None:
        names = _named(own, environment).matching(own.portals)
        return {name: Portal(name=name) for name in names}
    if own.portals_file is not None:
        path = Path(found(own.portals_file))
        portals = read_portals_list(path)
        _check_names(portals, own, environment, where=as_text(str(path)))
        return portals
    return {portal_label(portal): portal for portal in job.portals}


def _check_names(
    portals: Mapping[str, Portal], own: Portal, environment: Mapping[str, str], *, where: str
) -> None:
    """See that whoever has no webhook in the list is one of the named portals."""
    bare = [name for name, portal in portals.items() if portal.webhook is None]
    if not bare:
        return
    named = _named(own, environment)
    missing = [name for name in bare if name not in named.by_name]
    if missing:
        raise BadSource(
            f"{where} names portals that {as_text(str(named.path))} does not: {_some(missing)}",
            "Add them with: bulk-publisher portals add NAME - or say where their webhooks are, in a column webhook_file, webhook_env or webhook_keyring.",
        )


def _named(own: Portal, environment: Mapping[str, str]) -> NamedPortals:
    return read_portals(portals_path(own.named_in, environment))


def _with_defaults(portal: Portal, own: Portal) -> Portal:
    named_in = portal.named_in
    if named_in is None and portal.name is not None:
        named_in = own.named_in
    return msgspec.structs.replace(
        portal,
        named_in=named_in,
        plan=portal.plan or own.plan,
        ca_file=portal.ca_file or own.ca_file,
    )


def _some(names: Iterable[str]) -> str:
    return listed([shown(name) for name in names])
