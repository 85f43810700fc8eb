"""A client of a portal that has a name."""

import os
from pathlib import Path

from bulk_publisher.client.client import DEFAULT, Client, Default
from bulk_publisher.client.pace import Pace
from bulk_publisher.jobs import Portal, find_portal
from bulk_publisher.operations.secrets import read_credential
from bulk_publisher.store import shared_state


def client_for(
    name: str,
    *,
    portals: Path | str | None = None,
    proxy: str | None = None,
    pace: Pace = Pace(),  # noqa: B008 - frozen
    state: Path | str | Default | None = DEFAULT,
) -> Client:
    """A client of the named portal *name*, with its credential, its plan and its certificates.

    The environment is read now, as the command line reads it: where the file of portals is, and the
    variable that an entry names.

    Args:
        portals: The file that names it; None for the one that the environment names, or the user's own.
        proxy: As for ``Client``, and so are *pace* and *state*.

    Raises:
        BadSetting: If there is no such portal, or its credential can't be read.
    """
    named_in = None if portals is None else str(portals)
    portal = find_portal(Portal(name=name, named_in=named_in), os.environ)
    # Tokens in a database are in the one that has the limits.
    shared = shared_state(state, os.environ) if isinstance(state, str) else None
    return Client(
        read_credential(portal, os.environ, shared),
        plan=portal.plan,
        ca_file=portal.ca_file,
        proxy=proxy,
        pace=pace,
        state=state,
        name=name,
        named_in=portals,
    )
