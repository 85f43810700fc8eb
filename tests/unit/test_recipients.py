"""What a job file may say of what comes after a run, and of whom it tells."""

from pathlib import Path

import pytest

from bulk_publisher.errors import BadJobFile, BadJournal
from bulk_publisher.jobs import (
    After,
    Job,
    Notify,
    Occasion,
    Recipient,
    Secret,
    Selection,
    decode_job,
    encode_job,
    read_job,
)
from bulk_publisher.sources.known_failures import check_known_failures

SECRET = "pl4nted-s3cret"
USUAL = {Occasion.FAILED, Occasion.STOPPED, Occasion.HEALED}


@pytest.fixture
def job_file(tmp_path: Path) -> Path:
    return tmp_path / "nightly.toml"


def complaints(path: Path, text: str) -> list[str]:
    path.write_text(f"{text}\n[select]\npage = 1\n")
    with pytest.raises(BadJobFile) as raised:
        read_job(path)
    return [line.removeprefix(f"{path.parent}/") for line in raised.value.message.split("\n")]


def test_all_of_it_is_read_with_paths_beside_the_file(job_file: Path) -> None:
    job_file.write_text("""
        [select]
        page = 1
        [after]
        verify = true
        retry = 2
        expected = "known.csv"
        [notify]
        on = ["failed", "late"]
        late_after = "2h"
        to = [
          { env = "NOTIFY_URL" },
          { file = "apprise.secret" },
          { keyring = "notify" },
          { webhook = { file = "hook.secret" }, secret = { env = "NOTIFY_KEY" } },
          { command = ["./tell.sh", "--now"] },
          { command = ["logger"] },
          { ping = { env = "NOTIFY_PING" } },
          { user = 1 },
        ]
    """)
    folder = job_file.parent

    job = read_job(job_file)

    assert job.after == After(verify=True, retry=2, expected=str(folder / "known.csv"))
    assert job.notify == Notify(
        on=(Occasion.FAILED, Occasion.LATE),
        late_after=7200.0,
        to=(
            Recipient(env="NOTIFY_URL"),
            Recipient(file=str(folder / "apprise.secret")),
            Recipient(keyring="notify"),
            Recipient(
                webhook=Secret(file=str(folder / "hook.secret")), secret=Secret(env="NOTIFY_KEY")
            ),
            Recipient(command=(str(folder / "tell.sh"), "--now")),
            Recipient(command=("logger",)),
            Recipient(ping=Secret(env="NOTIFY_PING")),
            Recipient(user=1),
        ),
    )
    assert decode_job(encode_job(job)) == job


def test_a_job_that_says_nothing_of_it_tells_nobody(job_file: Path) -> None:
    job_file.write_text("select.page = 1")

    assert (read_job(job_file).after, read_job(job_file).notify) == (After(), None)


def test_what_goes_wrong_is_told_unless_something_else_is_said() -> None:
    assert Notify().occasions == USUAL
    assert Notify(late_after=5.0).occasions == {*USUAL, Occasion.LATE}
    assert Notify(on=()).occasions == frozenset()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("after.retry = 11", "after.retry"),
        ("after.retry = true", "retry: must be a whole number from 0 to 10, not true"),
        ("after.verify = 1", "verify: must be true or false, not 1"),
        ("after.expected = '-'", "expected: must be a file, not standard input"),
        ("after.verfy = true", "'verfy' is not a key of [after]: did you mean verify?"),
        ("[notify]", "[notify] needs to"),
        ("notify.to = []", "to: must be a list of 1 to 50 recipients"),
        ("notify.to = ['mailto://x']", "to: a recipient is a table"),
        ("notify = { on = ['faild'], to = [{ user = 1 }] }", "on: there is something that nobody can be told of: did you mean failed?"),
        ("notify = { on = ['late'], to = [{ user = 1 }] }", "late needs late_after"),
        ("notify = { on = ['failed'], late_after = '2h', to = [{ user = 1 }] }", 'late_after needs "late" in on'),
        ("notify = { late_after = 'soon', to = [{ user = 1 }] }", "late_after: must be a duration"),
        ("notify.to = [{ }]", "each recipient needs exactly one of env, file"),
        ("notify.to = [{ user = 1, env = 'A' }]", "each recipient needs exactly one of"),
        ("notify.to = [{ comand = ['x'] }]", "a recipient has a key that is none: did you mean command?"),
        ("notify.to = [{ user = 0 }]", "user must be the ID of a user"),
        ("notify.to = [{ user = true }]", "user must be the ID of a user"),
        ("notify.to = [{ command = 'rm -rf' }]", "command must be a list of a program and its arguments"),
        ("notify.to = [{ command = [] }]", "each recipient needs exactly one of"),
        ("notify.to = [{ user = 1, secret = { env = 'A' } }]", "secret signs what is posted to a webhook"),
        ("notify.to = [{ webhook = { env = 'A', file = 'b' } }]", "webhook must have env or file"),
        ("portal.sandbox = 'demo'\nafter.verify = true", "verify and sandbox can't be combined"),
        ("portal.sandbox = 'demo'\nnotify.to = [{ user = 1 }]", "user and sandbox can't be combined"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(job_file: Path, text: str, why: str) -> None:
    (said,) = complaints(job_file, text)

    assert why.removeprefix("after.") in said


@pytest.mark.parametrize(
    "recipient",
    [
        f"{{ env = 'https://x/{SECRET}' }}",
        f"{{ file = 'https://x/{SECRET}' }}",
        f"{{ keyring = 'tgram://{SECRET}' }}",
        f"{{ webhook = 'https://x/{SECRET}' }}",
        f"{{ webhook = {{ env = 'https://x/{SECRET}' }} }}",
        f"{{ ping = {{ file = 'https://x/{SECRET}' }} }}",
        f"{{ webhook = {{ env = 'A' }}, secret = '{SECRET}' }}",
        f"'{SECRET}'",
        f"{{ command = ['curl', 'https://b.bitrix24.com/rest/1/{SECRET}/'] }}",
    ],
)
def test_a_secret_that_was_written_out_is_refused_and_not_repeated(job_file, recipient) -> None:
    (said,) = complaints(job_file, f"notify.to = [{recipient}]")

    assert SECRET not in said


def test_a_description_that_somebody_has_edited_keeps_the_rules() -> None:
    data = encode_job(Job(name="x", select=Selection(page=("1",)), after=After(retry=99)))

    with pytest.raises(BadJournal, match=r"after\.retry: must be a whole number from 0 to 10"):
        decode_job(data)


def test_the_example_is_a_job() -> None:
    job = read_job(Path(__file__).parents[2] / "jobs/nightly.toml")

    assert job.notify is not None
    assert check_known_failures(job.after.expected).codes
