"""``status --json`` says of a run how it stands, and which process of which host is at work on it or was last."""

import json
import os
import socket

import pytest
from click.testing import CliRunner

from bulk_publisher.cli import main
from bulk_publisher.store import Store
from tests.store.making import begun

WHO = {"host": socket.gethostname(), "pid": os.getpid()}


def told(store: Store, *words: str) -> dict[str, object]:
    """What the command says of the one run there is."""
    done = CliRunner().invoke(main, ("status", *words, "--json", "--store", store.place))
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    one = said[0] if isinstance(said, list) else said
    return {key: one[key] for key in ("state", "host", "pid")}


@pytest.mark.parametrize("words", [(), ("latest",)], ids=["all", "one"])
def test_a_run_names_its_state_its_host_and_its_process(
    store: Store, words: tuple[str, ...]
) -> None:
    run = begun(store, portal="example.bitrix24.com")

    with run.lock():
        at_work = told(store, *words)

    assert at_work == {"state": "running", **WHO}
    assert told(store, *words) == {"state": "dead", **WHO}
