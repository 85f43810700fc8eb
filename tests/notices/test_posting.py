"""Messages by HTTP: signed, never redirected, tried thrice, and no word of the address in what goes wrong."""

import hashlib
import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bulk_publisher.clock import LoopClock
from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Job, Notify, Occasion, Recipient, Secret
from bulk_publisher.log import show_by
from bulk_publisher.notices.message import Failing, Message, RunTold
from bulk_publisher.notices.notifying import JobEnded, Notices
from bulk_publisher.notices.posting import Ping, read_address
from bulk_publisher.notices.sending import NotSent
from bulk_publisher.notices.signing import DELIVERY, SIGNATURE, TIMESTAMP
from bulk_publisher.store import open_store
from tests.notices.receiver import receiving

KEY = "pl4nted-signing-key"
TOKEN = "pl4nted-token-0815"
ALL = tuple(Occasion)
FAILED = RunTold(portal="shop", run="20260301T030000Z-1f2e", status=1, failing=[Failing("A_B", 2, 5, "T")])  # fmt: skip


@contextmanager
def logged() -> Iterator[list[dict[str, Any]]]:
    """The events of the block."""
    events: list[dict[str, Any]] = []
    show_by(events.append)
    yield events
    show_by(None)


def hmac_by_the_book(key: bytes, text: bytes) -> str:
    """HMAC-SHA256 as RFC 2104 writes it down."""
    key = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + text).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).hexdigest()


def job_to(*to: Recipient, on: tuple[Occasion, ...] = ALL, late_after: float = 7200.0) -> Job:
    return Job(name="nightly", notify=Notify(on=on, to=to, late_after=late_after))


class Told:
    """Notices of a store, with what they warned of."""

    def __init__(self, tmp_path, **environment: str) -> None:
        self.warnings: list[str] = []
        self.clock = LoopClock()
        self.notices = Notices(
            open_store(tmp_path).agenda,
            self._no_way_in,
            environment,
            self.clock,
            self.warnings.append,
            rng=random.Random(1),
        )

    @staticmethod
    def _no_way_in(_job: Job):
        raise AssertionError("nobody asked for it")

    async def ended(self, job: Job, status: int = 1) -> None:
        runs = [FAILED] if status else [RunTold(portal="shop", run="r", status=0)]
        await self.notices.ended(job, JobEnded(status, runs, [("", 5, "A_B")] if status else []))


POST = Recipient(webhook=Secret(env="NOTIFY_WEBHOOK"), secret=Secret(env="NOTIFY_KEY"))
PING = Recipient(ping=Secret(env="NOTIFY_PING"))


async def test_a_post_is_signed_over_its_time_and_its_body(tmp_path) -> None:
    async with receiving() as receiver:
        told = Told(tmp_path, NOTIFY_WEBHOOK=f"{receiver.url}/{TOKEN}", NOTIFY_KEY=KEY)

        await told.ended(job_to(POST))

        (post,) = receiver.received
        signed = f"{post.headers[TIMESTAMP]}.".encode() + post.body
        assert post.headers[SIGNATURE] == f"sha256={hmac_by_the_book(KEY.encode(), signed)}"
        assert abs(int(post.headers[TIMESTAMP]) - told.clock.epoch()) < 5
        data = json.loads(post.body)
        assert (data["occasion"], data["job"]) == ("failed", "nightly")
        assert data["id"] == post.headers[DELIVERY]
        assert KEY not in post.body.decode()
        assert told.warnings == []


async def test_what_is_refused_is_sent_three_times_with_pauses_and_one_id(tmp_path) -> None:
    async with receiving(500, 503) as receiver:
        told = Told(tmp_path, NOTIFY_WEBHOOK=receiver.url, NOTIFY_KEY=KEY)
        began = told.clock.now()

        await told.ended(job_to(POST))

        assert len(receiver.received) == 3
        assert len({post.headers[DELIVERY] for post in receiver.received}) == 1
        assert 10 <= told.clock.now() - began < 12
        assert told.warnings == []


async def test_a_message_that_never_arrives_is_one_warning_and_is_told_the_next_time(
    tmp_path,
) -> None:
    async with receiving(*[500] * 3) as receiver:
        told = Told(tmp_path, NOTIFY_WEBHOOK=f"{receiver.url}/{TOKEN}", NOTIFY_KEY=KEY)

        with logged() as logs:
            await told.ended(job_to(POST))
        assert [line["event"] for line in logs] == ["notice.refused"] * 3
        (warning,) = told.warnings
        assert warning == "nightly: a message did not arrive: webhook at 127.0.0.1: 127.0.0.1 answered 500"  # fmt: skip

        await told.ended(job_to(POST))
        await told.ended(job_to(POST))

        assert len(receiver.received) == 4


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(tmp_path, status: int) -> None:
    async with receiving(*[status] * 3) as receiver:
        told = Told(tmp_path, NOTIFY_WEBHOOK=f"{receiver.url}/hook", NOTIFY_KEY=KEY)

        await told.ended(job_to(POST))

        assert set(receiver.paths) == {"/hook"}
        assert "it redirects" in told.warnings[0]


async def test_nobody_there_is_said_without_the_address(tmp_path) -> None:
    async with receiving() as receiver:
        url = receiver.url
    told = Told(tmp_path, NOTIFY_WEBHOOK=f"{url}/{TOKEN}", NOTIFY_KEY=KEY)

    with logged() as logs:
        await told.ended(job_to(POST))

    said = f"{told.warnings}{logs}"
    assert "127.0.0.1" in said
    assert TOKEN not in said
    assert KEY not in said


@pytest.mark.parametrize(
    "address",
    [
        f"http://example.com/{TOKEN}",
        f"ftp://127.0.0.1/{TOKEN}",
        TOKEN,
        f"https:///{TOKEN}",
        f"https://[{TOKEN}/",
    ],
)
async def test_an_address_that_may_not_be_sent_to_is_never_repeated(tmp_path, address) -> None:
    told = Told(tmp_path, NOTIFY_WEBHOOK=address, NOTIFY_KEY=KEY)

    await told.ended(job_to(POST))

    assert "NOTIFY_WEBHOOK holds" in told.warnings[0]
    assert TOKEN not in told.warnings[0]


async def test_a_variable_that_is_not_set_is_named_and_others_get_their_message(tmp_path) -> None:
    async with receiving() as receiver:
        told = Told(tmp_path, NOTIFY_WEBHOOK=receiver.url, NOTIFY_KEY=KEY)

        await told.ended(job_to(Recipient(env="NOTIFY_URL"), POST))

        assert len(receiver.received) == 1
        assert "The environment variable NOTIFY_URL is not set." in told.warnings[0]


async def test_one_message_a_day_and_one_when_it_is_well_again_also_after_a_restart(
    tmp_path,
) -> None:
    async with receiving() as receiver:
        job = job_to(POST, on=(Occasion.FAILED, Occasion.HEALED))
        for status in (1, 1, 1, 0, 0):
            told = Told(tmp_path, NOTIFY_WEBHOOK=receiver.url, NOTIFY_KEY=KEY)
            await told.ended(job, status)

        said = [json.loads(post.body)["occasion"] for post in receiver.received]
        assert said == ["failed", "healed"]


async def test_a_job_that_is_late_is_told(tmp_path) -> None:
    async with receiving() as receiver:
        told = Told(tmp_path, NOTIFY_WEBHOOK=receiver.url, NOTIFY_KEY=KEY)
        due = told.clock.epoch()

        await told.notices.is_late(job_to(POST, late_after=60), due)
        assert receiver.received == []
        await told.notices.is_late(job_to(POST, late_after=60), due - 61)
        await told.notices.is_late(job_to(POST, late_after=60), due - 62)

        (post,) = receiver.received
        assert json.loads(post.body)["title"] == "bulk-publisher: nightly is late"


@pytest.mark.parametrize(("status", "end"), [(0, "/uuid?rid=1"), (1, "/uuid/fail?rid=1")])
async def test_a_switch_is_pinged_at_the_start_and_at_the_end(tmp_path, status, end) -> None:
    async with receiving() as receiver:
        told = Told(tmp_path, NOTIFY_PING=f"{receiver.url}/uuid?rid=1")

        await told.notices.begins(job_to(PING))
        await told.ended(job_to(PING), status)
        await told.ended(job_to(PING), status)

        assert receiver.paths == ["/uuid/start?rid=1", end, end]


async def test_uptime_kuma_is_told_up_or_down_and_why(tmp_path) -> None:
    async with receiving() as receiver:
        told = Told(tmp_path, NOTIFY_PING=f"{receiver.url}/api/push/abc?status=up&msg=OK&ping=")

        await told.notices.begins(job_to(PING))
        await told.ended(job_to(PING), 1)
        await told.ended(job_to(PING), 0)

        down, up = (
            parse_qs(urlsplit(path).query, keep_blank_values=True) for path in receiver.paths
        )
        assert (down["status"], up["status"]) == (["down"], ["up"])
        assert down["msg"][0].startswith("bulk-publisher: nightly failed Run 2026")
        assert len(down["msg"][0]) <= 200
        assert up["ping"] == [""]
        assert {one.method for one in receiver.received} == {"GET"}


async def test_a_switch_that_does_not_answer_holds_up_nothing(tmp_path) -> None:
    async with receiving(500) as receiver:
        told = Told(tmp_path, NOTIFY_PING=f"{receiver.url}/{TOKEN}")
        began = told.clock.now()

        await told.notices.begins(job_to(PING))

        assert told.clock.now() - began < 1
        assert TOKEN not in told.warnings[0]


async def test_a_test_is_sent_to_each_and_says_what_each_answered(tmp_path) -> None:
    async with receiving(200, 404) as receiver:
        told = Told(tmp_path, NOTIFY_WEBHOOK=receiver.url, NOTIFY_KEY=KEY)
        told.notices._environment["NOTIFY_PING"] = f"{receiver.url}/p"

        deliveries = await told.notices.test(job_to(POST, PING))

        assert sorted(one.words for one in deliveries) == ["127.0.0.1 answered 404", "answered 200"]
        assert open_store(tmp_path).agenda.read_told("nightly").at == {}


def test_an_address_shows_its_host_alone() -> None:
    address = read_address(f"https://hooks.example.com/{TOKEN}", where="X")

    assert TOKEN not in f"{address}{address!r}{Ping(address).name}"
    with pytest.raises(BadSetting):
        read_address("https://exa mple.com/", where="X")


async def test_a_fault_of_ours_in_a_sender_ends_nothing(tmp_path, monkeypatch) -> None:
    told = Told(tmp_path, NOTIFY_WEBHOOK="https://127.0.0.1/", NOTIFY_KEY=KEY)

    class Broken:
        name = "broken"

        async def send(self, _message: Message) -> str:
            raise ZeroDivisionError("oh")

    async def broken(_job):
        from bulk_publisher.notices.addressees import Addressees

        return Addressees(senders=[Broken()])

    monkeypatch.setattr(told.notices, "_addressees", broken)

    await told.ended(job_to(POST))

    assert told.warnings == ["nightly: a message did not arrive: broken: ZeroDivisionError: oh"]
    assert NotSent("x").why == "x"


async def test_the_check_in_the_documentation_believes_what_is_genuine_alone(tmp_path) -> None:
    text = (Path(__file__).parents[2] / "docs/commands.md").read_text(encoding="utf-8")
    (code,) = (
        block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "hmac" in block
    )
    names: dict[str, Any] = {}
    exec(code, names)
    is_genuine = names["is_genuine"]
    async with receiving() as receiver:
        told = Told(tmp_path, NOTIFY_WEBHOOK=receiver.url, NOTIFY_KEY=KEY)
        await told.ended(job_to(POST))
    (post,) = receiver.received

    assert is_genuine(KEY, post.headers, post.body)
    assert not is_genuine("another", post.headers, post.body)
    assert not is_genuine(KEY, post.headers, post.body + b" ")
    old = {**post.headers, TIMESTAMP: str(int(post.headers[TIMESTAMP]) - 600)}
    assert not is_genuine(KEY, old, post.body)
