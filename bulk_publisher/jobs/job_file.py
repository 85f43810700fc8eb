"""A TOML job file → `Job`, with every mistake in it told at once, and where.

Paths in a job file are relative to the folder that the file is in, not to the current one: cron
starts its jobs elsewhere.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bulk_publisher.client.pace import spelled_out
from bulk_publisher.errors import BadJobFile
from bulk_publisher.jobs.job import After, Job, Notify, Portal, Recipient, Secret, Selection
from bulk_publisher.jobs.portal_labels import portals_conflicts
from bulk_publisher.jobs.recipients import after_conflicts, notify_conflicts
from bulk_publisher.jobs.rules import (
    ONE_OF_MANY,
    OPTIONAL,
    TABLES,
    TOP,
    portal_conflicts,
    selection_conflicts,
)
from bulk_publisher.jobs.toml_file import Complaints, TomlFile, judge_table
from bulk_publisher.jobs.toml_lines import Key
from bulk_publisher.text.shown import nearest, shown


def read_job(path: Path) -> Job:
    """The job that the file at *path* describes, its paths made relative to the current folder.

    A job without a name is named after its file.

    Raises:
        BadJobFile: With a line for each mistake: ``file:line: why``.
    """
    file = TomlFile(path, BadJobFile)
    complaints = file.complaints
    values = _judge(file.data, complaints)
    if not complaints.concern("portal"):
        for key, why in portal_conflicts(msgspec.convert(values["portal"], Portal)):
            complaints.add(("portal", key), why)
    if not complaints.concern("select"):
        for key, why in selection_conflicts(msgspec.convert(values["select"], Selection)):
            complaints.add(("select", key), why)
    _check_after(values, complaints)
    file.check()
    values["pace"] = spelled_out(values["pace"])
    job = msgspec.convert({"name": path.stem, **values}, Job)
    for where, why in portals_conflicts(job):
        complaints.add(where, why)
    file.check()
    return _beside(job, path.parent)


def _check_after(values: Mapping[str, Any], complaints: Complaints) -> None:
    """Complain of what in [after] and [notify] contradicts itself or the portal."""
    if complaints.concern("portal"):
        return
    portal = msgspec.convert(values["portal"], Portal)
    if not complaints.concern("after"):
        for key, why in after_conflicts(msgspec.convert(values["after"], After), portal):
            complaints.add(("after", key), why)
    if "notify" in values and not complaints.concern("notify"):
        for key, why in notify_conflicts(msgspec.convert(values["notify"], Notify), portal):
            complaints.add(("notify", key), why)


def _judge(data: Mapping[str, object], complaints: Complaints) -> dict[str, Any]:
    """The values that keep their rules; complaints about the others and about unknown keys."""
    top = {key: data[key] for key in data if key not in TABLES}
    values = judge_table((), top, TOP, complaints, _unknown)
    if "portals" in values:
        values["portals"] = [
            _judge_one_of_many(number, one, complaints)
            for number, one in enumerate(values["portals"])
        ]
    for table, rules in TABLES.items():
        if table in OPTIONAL and table not in data:
            continue
        inside = data.get(table, {})
        if isinstance(inside, dict):
            values[table] = judge_table((table,), inside, rules, complaints, _unknown)
            needed = OPTIONAL.get(table)
            if needed is not None and needed not in inside:
                complaints.add((table,), f"[{table}] needs {needed}")
        else:
            complaints.add((table,), f"{table} must be a table: [{table}]")
    return values


def _judge_one_of_many(
    number: int, inside: Mapping[str, object], complaints: Complaints
) -> dict[str, Any]:
    before = len(complaints.found)
    where = ("portals", str(number))
    values = judge_table(where, inside, ONE_OF_MANY, complaints, _unknown)
    if len(complaints.found) == before:
        portal = msgspec.convert(values, Portal)
        for key, why in portal_conflicts(portal, is_one_of_many=True):
            complaints.add((*where, key), why)
    return values


def _unknown(key: str, table: Key) -> str:
    if table[:1] == ("portals",):
        return f"{shown(key)} is not a key of [[portals]]{nearest(key, ONE_OF_MANY)}"
    what = f"{shown(key)} is not a key of {f'[{table[0]}]' if table else 'a job'}"
    elsewhere = [other for other, its_rules in TABLES.items() if key in its_rules]
    if key in TOP:
        return f"{what}: it belongs at the top, before the first table"
    if elsewhere:
        return f"{what}: it belongs in [{elsewhere[0]}]"
    return what + nearest(key, TABLES[table[0]] if table else [*TOP, *TABLES])


def _beside(job: Job, folder: Path) -> Job:
    """*job* with its paths, which are relative to *folder*, as the current folder sees them."""
    return msgspec.structs.replace(
        job,
        portal=portal_beside(job.portal, folder),
        portals=tuple(portal_beside(portal, folder) for portal in job.portals),
        select=job.select.with_paths(lambda path: str(folder / path)),
        after=after_beside(job.after, folder),
        notify=None if job.notify is None else notify_beside(job.notify, folder),
    )


def after_beside(after: After, folder: Path) -> After:
    """*after* with its paths, which are relative to *folder*, as the current folder sees them."""
    if after.expected is None:
        return after
    return msgspec.structs.replace(after, expected=str(folder / after.expected))


def notify_beside(notify: Notify, folder: Path) -> Notify:
    """*notify* with its paths, which are relative to *folder*, as the current folder sees them."""
    return msgspec.structs.replace(
        notify, to=tuple(_recipient_beside(one, folder) for one in notify.to)
    )


def _recipient_beside(one: Recipient, folder: Path) -> Recipient:
    changes: dict[str, Any] = {
        key: Secret(file=str(folder / secret.file))
        for key, secret in one.secrets.items()
        if secret.file is not None
    }
    if one.file is not None:
        changes["file"] = str(folder / one.file)
    if one.command and "/" in one.command[0]:
        # A name alone is looked for in PATH.
        changes["command"] = (str(folder / one.command[0]), *one.command[1:])
    return msgspec.structs.replace(one, **changes)


def portal_beside(portal: Portal, folder: Path) -> Portal:
    """*portal* with its paths, which are relative to *folder*, as the current folder sees them."""
    webhook, oauth = (_secret_beside(one, folder) for one in (portal.webhook, portal.oauth))
    sandbox = portal.sandbox
    if sandbox is not None and ("/" in sandbox or sandbox.endswith(".toml")):
        sandbox = str(folder / sandbox)
    named_in, ca_file, portals_file = (
        None if name is None else str(folder / name)
        for name in (portal.named_in, portal.ca_file, portal.portals_file)
    )
    return msgspec.structs.replace(
        portal,
        webhook=webhook,
        oauth=oauth,
        sandbox=sandbox,
        named_in=named_in,
        ca_file=ca_file,
        portals_file=portals_file,
    )


def _secret_beside(secret: Secret | None, folder: Path) -> Secret | None:
    if secret is None or secret.file is None:
        return secret
    return Secret(file=str(folder / secret.file))
