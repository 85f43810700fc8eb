"""``run.json`` is typed: it comes back as it was, older ones are read, and damage is named by its key."""

import json

import msgspec
import pytest

from bulk_publisher.errors import BadJournal
from bulk_publisher.operations.describing import job_of
from bulk_publisher.store.description import decode_description, encode_description
from bulk_publisher.store.folder.folder_run import FolderRun
from tests.folders import describe

OLD = {
    "run": "20261124T211849Z-9a6e",
    "portal": "example.bitrix24.com",
    "started": "2026-11-24T21:18:49.000Z",
    "ended": "2026-11-24T21:19:49.000Z",
    "job": {"name": "a", "action": "publish", "select": {"page": ["1-9"]}},
    "totals": {"counts": {"published": 9}, "is_whole": True},
}
RULES = {
    "pace.intensity_share": {"pace": {"intensity_share": 100}},
    "pace.operating_share": {"pace": {"operating_share": 50}},
    "pace.operating_limit": {"pace": {"operating_limit": 1e300}},
    "pace.batch_size": {"pace": {"batch_size": 1_000_000}},
    "pace.concurrency": {"pace": {"concurrency": 0}},
    "pace.max_failures": {"pace": {"max_failures": -1}},
    "select.page": {"select": {"page": ["1-9999999999"]}},
    "select.limit": {"select": {"page": ["1"], "limit": 0}},
    "select.site": {"select": {"site": [2**70]}},
    "can't be combined": {"select": {"site": [1], "page": ["1"]}},
    "portal.ca_file": {"portal": {"ca_file": ""}},
    "portal.plan": {"portal": {"plan": "boundless"}},
}


def _encoded(data: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n"


def test_an_older_description_has_defaults_for_what_it_lacks() -> None:
    told = decode_description(_encoded(OLD))

    assert told.final.waited == {}
    assert told.selected.total is None
    assert told.resumptions == ()
    assert told.following is msgspec.UNSET


def test_what_nobody_changes_is_written_back_as_it_was() -> None:
    data = _encoded({"of a later version": [1.50, None], **OLD, "retried_by": ["b"], "resumed": []})

    assert encode_description(decode_description(data)) == data


def test_what_is_changed_keeps_its_place_and_all_else() -> None:
    told = decode_description(_encoded({**OLD, "later": {"a": 1}}))

    written = encode_description(msgspec.structs.replace(told, ended=None, retried_by=("b",)))

    assert json.loads(written) == {**OLD, "ended": None, "later": {"a": 1}, "retried_by": ["b"]}
    assert [*json.loads(written)] == [*OLD, "later", "retried_by"]


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ({"user": "me"}, "user:"),
        ({"run": "../other"}, "run:"),
        ({"run": 7}, "run:"),
        ({"ended": "yesterday"}, "ended is no moment"),
        ({"ended": "9999-12-31T23:59:59Z"}, "ended is no moment"),
        ({"totals": {"seconds": -1}}, "totals.seconds:"),
        ({"totals": {"counts": {"published": -1}}}, "totals.counts"),
        ({"totals": {"counts": {"gone": 1}}}, "gone"),
        ({"resumed": [{"at": 3}]}, r"resumed\[0\].at:"),
        ({"rolled_back_by": ["a/b"]}, r"rolled_back_by\[0\]:"),
        ({"following": {"kind": "retry", "run": ".."}}, "following.run:"),
        ({"folder": "a\0b"}, "folder:"),
        ({"limits": {"drain": 0}}, "limits.drain:"),
        ({"job": {"portal": []}}, "job.portal:"),
    ],
)
def test_damage_is_named_by_its_key(damage: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        decode_description(_encoded({**OLD, **damage}))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "truncated"),
        (b"[]", "expected `object`"),
        (b'{"run": "\xff"}', "not UTF-8"),
        (b'{"a": ' + b"[" * 100_000, "too deeply"),
        (b'{"user": ' + b"9" * 5000 + b"}", "out of range"),
    ],
)
def test_what_is_no_description_is_said_in_words(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=f"(?i){words}"):
        decode_description(data)


@pytest.mark.parametrize(("named", "job"), RULES.items())
def test_a_job_that_was_written_down_keeps_the_rules_of_all_jobs(
    tmp_path, named: str, job: dict[str, object]
) -> None:
    folder = FolderRun(tmp_path)
    describe(folder, **{**OLD, "job": {"name": "a", "select": {"page": ["1"]}, **job}})

    with pytest.raises(BadJournal) as caught:
        job_of(folder, folder.read_description())

    assert "run.json" in caught.value.message
    assert named in caught.value.message
    assert "\n" not in caught.value.message
