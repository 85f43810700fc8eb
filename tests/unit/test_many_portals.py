"""One job for many portals is a job for each of them."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.errors import BadJobFile, BadSetting, BadSource
from bulk_publisher.jobs import (
    ALONE,
    Job,
    Portal,
    PortalPlan,
    Secret,
    Selection,
    by_portal,
    decode_job,
    encode_job,
    read_job,
    with_portals_named,
)
from bulk_publisher.operations.resuming import with_changes

NAMED = """
[client-a]
webhook = { env = "A" }
[other]
webhook = { env = "B" }
[client-b]
webhook = { env = "C" }
plan = "enterprise"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "portals.toml").write_text(NAMED)
    return tmp_path


def job_of(folder: Path, text: str) -> Job:
    path = folder / "nightly.toml"
    path.write_text(f"{text}\n[select]\npage = 1\n")
    return read_job(path)


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(BadJobFile) as raised:
        job_of(folder, text)
    return str(raised.value).replace(f"{folder}/", "")


def test_a_job_for_one_portal_is_itself(folder: Path) -> None:
    job = job_of(folder, '[portal]\nname = "client-a"')

    assert by_portal(job, {}) == {ALONE: job}


def test_a_pattern_means_portals_in_the_order_of_their_file(folder: Path) -> None:
    job = job_of(
        folder,
        '[portal]\nportals = ["client-*"]\nnamed_in = "portals.toml"\nca_file = "ca.pem"',
    )

    jobs = by_portal(job, {})

    assert list(jobs) == ["client-a", "client-b"]
    assert jobs["client-b"].portal == Portal(
        name="client-b",
        named_in=str(folder / "portals.toml"),
        ca_file=str(folder / "ca.pem"),
    )
    assert jobs["client-a"].select == job.select
    assert not jobs["client-a"].names_many


def test_a_pattern_that_means_none_is_told(folder: Path) -> None:
    job = job_of(folder, '[portal]\nportals = "klient-*"\nnamed_in = "portals.toml"')

    with pytest.raises(BadSetting, match=r"is called 'klient-\*'"):
        by_portal(job, {})


def test_tables_are_portals_and_may_have_a_name_beside_their_webhook(folder: Path) -> None:
    job = job_of(
        folder,
        '[portal]\nplan = "standard"\n'
        '[[portals]]\nname = "a"\nwebhook = { file = "a.secret" }\n'
        '[[portals]]\nwebhook = { env = "B_WEBHOOK" }\nplan = "enterprise"\n'
        '[[portals]]\nsandbox = "demo"\n',
    )

    jobs = by_portal(job, {})

    assert list(jobs) == ["a", "B_WEBHOOK", "demo"]
    assert jobs["a"].portal.webhook == Secret(file=str(folder / "a.secret"))
    assert [one.portal.plan for one in jobs.values()] == ["standard", "enterprise", "standard"]
    assert decode_job(encode_job(job)) == job
    assert decode_job(encode_job(jobs["a"])) == jobs["a"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[[portals]]\nname = "a"\n[[portals]]\nplan = "standard"', "nightly.toml:3: a portal needs name, webhook, oauth or sandbox"),
        ('[[portals]]\nname = "a"\n[[portals]]\nname = "b"\nwebhok = 1', "nightly.toml:5: 'webhok' is not a key of [[portals]]: did you mean webhook?"),
        ('[[portals]]\nname = "a"\n\n[[portals]]\nname = "a"', "nightly.toml:4: there are two portals 'a': give each a name of its own, or leave one out"),
        ('[[portals]]\nname = "a"\n[[portals]]\nname = "b/c"', "nightly.toml:4: name: a portal's name is"),
        ('portals = ["client-*"]', "nightly.toml:1: portals: names and patterns belong in [portal]"),
        ("portals = 3", "nightly.toml:1: portals: must be a table for each portal"),
        ('[portal]\nportals = []', "nightly.toml:2: portals: must be a name or a pattern"),
        ('[portal]\nportals = ["a b"]', "nightly.toml:2: portals: must be names or patterns such as"),
        ('[portal]\nportals_file = "-"', "nightly.toml:2: portals_file: must be a file, not standard input"),
        ('[portal]\nname = "a"\nportals = ["b"]', "nightly.toml:3: portals and name can't be combined: it names portals, each with its own"),
        ('[portal]\nname = "x"\n[[portals]]\nname = "a"', "nightly.toml:3: [[portals]] and name in [portal] can't be combined"),
        ('[[portals]]\nwebhook = "https://a.example/rest/1/abcdefgh12345678/"', "nightly.toml:2: webhook: a secret is named, never written"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_told_with_its_line(folder: Path, text: str, why: str) -> None:
    assert complaint(folder, text).startswith(why)


def test_a_plan_is_of_one_portal_and_says_all_of_a_selection(folder: Path) -> None:
    path = folder / "planned.toml"
    path.write_text('[portal]\nportals = ["a"]\n[select]\nplan = "plan.json"\nlimit = 3\n')

    with pytest.raises(BadJobFile) as raised:
        read_job(path)

    assert "planned.toml:5: plan and limit can't be combined: a plan says all of it" in str(
        raised.value
    )
    path.write_text('[portal]\nportals = ["a"]\n[select]\nplan = "plan.json"\n')
    with pytest.raises(BadJobFile, match=r"planned.toml:4: a plan is for one portal"):
        read_job(path)
    path.write_text('action = "unpublish"\n[select]\nplan = "plan.json"\n')
    with pytest.raises(BadJobFile, match=r"planned.toml:3: a plan publishes"):
        read_job(path)


def test_a_portal_that_is_asked_for_stands_for_them_all(folder: Path) -> None:
    job = Job(name="j", portals=(Portal(name="a"), Portal(name="b")), select=Selection(page=("1",)))

    one = with_changes(job, {"portal": {"name": "shop"}})

    assert by_portal(one, {}) == {ALONE: one}
    assert one.portal == Portal(name="shop")


# Lists


def listed(folder: Path, text: str | bytes) -> dict[str, Job]:
    data = text.encode() if isinstance(text, str) else text
    (folder / "list.csv").write_bytes(data)
    return by_portal(
        job_of(folder, '[portal]\nportals_file = "list.csv"\nnamed_in = "portals.toml"'), {}
    )


@pytest.mark.parametrize(
    "text",
    [
        "other\nclient-a\n",
        "name\nother\nclient-a\n",
        "\ufeffname\r\nother\r\n\r\nclient-a\r\n",
        "sep=;\nName;city\nother;Bonn\nclient-a;\n",
        '"name"\t"city"\nother\t"a\tb"\nclient-a\n',
        "name;city\nother;Köln\nclient-a\n".encode("utf-16"),
        "name;город\nother;Томск\nclient-a\n".encode("cp1251"),
    ],
)
def test_a_list_of_names_is_read_however_it_was_saved(folder: Path, text: str | bytes) -> None:
    jobs = listed(folder, text)

    assert list(jobs) == ["other", "client-a"]
    assert jobs["other"].portal.named_in == str(folder / "portals.toml")


def test_a_list_may_say_where_webhooks_are(folder: Path) -> None:
    jobs = listed(
        folder,
        "name,webhook_file,webhook_env,webhook_keyring,plan\n"
        "x,x.secret,,,enterprise\ny,,Y_WEBHOOK,,\nz,,,z-entry,\nother,,,,\n",
    )

    assert [one.portal.webhook for one in jobs.values()] == [
        Secret(file=str(folder / "x.secret")),
        Secret(env="Y_WEBHOOK"),
        Secret(keyring="z-entry"),
        None,
    ]
    assert jobs["x"].portal.name == "x"
    assert jobs["x"].portal.plan is PortalPlan.ENTERPRISE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "list.csv names no portals"),
        ("name\n", "list.csv names no portals"),
        ("plan\nstandard\n", "list.csv:1: no column is called name"),
        ("name,name\na,b\n", "list.csv:1: two columns are called name"),
        ("name,webhok_file\na,b\n", "list.csv:1: there is no column 'webhok_file': did you mean webhook_file?"),
        ("other\nother\n", "list.csv:2: 'other' is named a second time"),
        ("other,3\n", "list.csv:1: 2 cells, and 1 columns have a name"),
        ("name,plan\nother,fast\n", "list.csv:2: plan: can't be 'fast'"),
        ("name,plan\n,standard\n", "list.csv:2: there is no name"),
        ("a b\n", "list.csv:1: name: a portal's name is"),
        ("name,webhook_env,webhook_file\na,B,c\n", "list.csv:2: webhook: must have env, file or keyring, one of them"),
        ('name\n"other\n', "list.csv:2: a quote is opened in this row and never closed"),
        ("client-x\n", "portals.toml does not: 'client-x'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_list_is_told(folder: Path, text: str, why: str) -> None:
    with pytest.raises(BadSource) as raised:
        listed(folder, text)

    told = "\n".join([raised.value.message, *raised.value.problems])
    assert why in told.replace(f"{folder}/", "")


def test_a_webhook_in_a_list_is_refused_and_not_repeated(folder: Path) -> None:
    with pytest.raises(BadSource) as raised:
        listed(folder, "name,webhook_file\na,https://a.example/rest/1/abcdefgh12345678/\n")

    told = "\n".join([raised.value.message, *raised.value.problems])
    assert "list.csv:2: webhook: file must be a file's name, never the secret" in told
    assert "abcdefgh" not in told


def test_a_list_that_is_not_there_is_told(folder: Path) -> None:
    job = job_of(folder, '[portal]\nportals_file = "none.csv"')

    with pytest.raises(BadSource, match=r"none.csv can't be read: there is no such file"):
        by_portal(job, {})


def test_a_job_that_is_handed_on_names_its_portals_itself(folder: Path) -> None:
    (folder / "list.csv").write_text("name,webhook_file\nx,x.secret\nother,\n")
    job = job_of(folder, '[portal]\nportals_file = "list.csv"\nnamed_in = "portals.toml"')

    handed_on = with_portals_named(job, {})

    assert handed_on.portal.portals_file is None
    assert by_portal(decode_job(encode_job(handed_on)), {}) == by_portal(job, {})


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_list_or_a_complaint(tmp_path_factory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    job = Job(name="j", portal=Portal(portals_file=str(path)), select=Selection(page=("1",)))

    with contextlib.suppress(BadSource):
        assert by_portal(job, {"XDG_CONFIG_HOME": "/nonexistent"})
