"""What a job calls each of its many portals, and what it may not say of them together. Pure."""

from bulk_publisher.jobs.job import WAYS_IN, Job, Portal
from bulk_publisher.model import Action
from bulk_publisher.text.shown import shown


def portals_conflicts(job: Job) -> list[tuple[tuple[str, ...], str]]:
    """What contradicts itself in what *job* says of many portals; each with where it stands."""
    conflicts: list[tuple[tuple[str, ...], str]] = []
    own = [way for way in WAYS_IN if getattr(job.portal, way) is not None]
    if job.portals and own:
        why = (
            f"[[portals]] and {own[0]} in [portal] can't be combined: each names portals by itself"
        )
        conflicts.append((("portals",), why))
    if job.names_many and job.select.plan is not None:
        conflicts.append((("select", "plan"), "a plan is for one portal, and this job is for many"))
    if job.select.plan is not None and job.action is not Action.PUBLISH:
        conflicts.append((("select", "plan"), f"a plan publishes, and this job says {job.action}"))
    seen: set[str] = set()
    for number, portal in enumerate(job.portals):
        where = ("portals", str(number))
        if all(getattr(portal, way) is None for way in WAYS_IN):
            conflicts.append((where, "a portal needs name, webhook, oauth or sandbox"))
            continue
        called = portal_label(portal)
        if called in seen:
            why = f"there are two portals {shown(called)}: give each a name of its own, or leave one out"
            conflicts.append((where, why))
        seen.add(called)
    return conflicts


def portal_label(portal: Portal) -> str:
    """What a job calls *portal* among its others: by its name, or by where its credential is."""
    secret = portal.webhook or portal.oauth
    if portal.name is not None:
        return portal.name
    if secret is not None:
        return secret.env or secret.keyring or (secret.file or "").rpartition("/")[2]
    return (portal.sandbox or "").rpartition("/")[2]
