"""Job files say what they mean, or are told where they don't."""

import contextlib
import json
import re
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.errors import BadJobFile, BadJournal, BadSetting
from bulk_publisher.jobs import (
    Job,
    Pace,
    Portal,
    PortalPlan,
    Secret,
    Selection,
    by_portal,
    decode_job,
    encode_job,
    pace_problems,
    portal_problems,
    read_job,
    selection_problems,
)
from bulk_publisher.jobs.rules import TABLES, TOP
from bulk_publisher.jobs.toml_lines import find_lines
from bulk_publisher.model import Action, Only, Order, Scope
from bulk_publisher.operations.resuming import with_changes
from bulk_publisher.sources.csv_file import check_csv

SHIPPED = Path(__file__).parents[2] / "jobs"

jobs = st.builds(
    Job,
    name=st.text(min_size=1),
    portal=st.builds(
        Portal,
        webhook=st.none()
        | st.builds(Secret, env=st.text(min_size=1))
        | st.builds(Secret, keyring=st.text(min_size=1)),
        plan=st.none() | st.sampled_from(PortalPlan),
    ),
    select=st.builds(
        Selection,
        site=st.lists(st.integers(1, 2**63 - 1)).map(tuple),
        folder=st.lists(st.integers(1, 2**63 - 1)).map(tuple),
        page=st.lists(st.text()).map(tuple),
        order=st.sampled_from(Order),
        scope=st.none() | st.sampled_from(Scope),
        only=st.sampled_from(Only),
    ),
    pace=st.builds(Pace, operating_limit=st.none() | st.floats(1, 480)),
)


@pytest.fixture
def job_file(tmp_path: Path) -> Path:
    return tmp_path / "nightly.toml"


def complaints(path: Path, text: str) -> list[str]:
    """What is said of a job file with *text*, without the file's folder."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadJobFile) as caught:
        read_job(path)
    return caught.value.message.replace(f"{path.parent}/", "").splitlines()


def test_a_full_job_is_read(job_file: Path) -> None:
    job_file.write_text("""
        name = "republish"
        action = "unpublish"
        [portal]
        webhook = { env = "SALES_WEBHOOK" }
        plan = "self-hosted"
        [select]
        site = [27, 28]
        scope = "knowledge"
        only = "changed"
        limit = 10
        [pace]
        concurrency = 8
        operating_limit = 420
        operating_share = 0.5
    """)

    job = read_job(job_file)

    assert job == Job(
        name="republish",
        action=Action.UNPUBLISH,
        portal=Portal(webhook=Secret(env="SALES_WEBHOOK"), plan=PortalPlan.SELF_HOSTED),
        select=Selection(site=(27, 28), scope=Scope.KNOWLEDGE, only=Only.CHANGED, limit=10),
        pace=Pace(concurrency=8, operating_limit=420.0, operating_share=0.5),
    )


def test_a_choice_of_pages_is_read(job_file: Path) -> None:
    job_file.write_text("""
        [select]
        folder = 3
        site = 7
        where = "title~handbook"
        exclude = "done.csv"
        order = "tree"
    """)

    assert read_job(job_file).select == Selection(
        folder=(3,),
        site=(7,),
        where=("title~handbook",),
        exclude=str(job_file.parent / "done.csv"),
        order=Order.TREE,
    )


def test_what_is_wrong_with_a_choice_is_told_with_its_line(job_file: Path) -> None:
    text = """[select]
folder = "three"
where = ["id>5", "titel~x"]
exclude = "-"
order = "alphabet"
"""
    said = complaints(job_file, text)

    assert [line.split(": ")[1] for line in said] == ["folder", "where", "exclude", "order"]
    assert [line.split(":")[1] for line in said] == ["2", "3", "4", "5"]


def test_a_job_without_a_name_is_named_after_its_file(job_file: Path) -> None:
    job_file.write_text("select.scope = 'GROUP'")

    assert read_job(job_file).name == "nightly"


def test_one_site_and_one_page_need_no_list(job_file: Path) -> None:
    job_file.write_text("[select]\npage = 351\n")

    assert read_job(job_file).select.page == ("351",)


def test_paths_are_relative_to_the_job_file(job_file: Path) -> None:
    job_file.write_text("""
        [portal]
        webhook = { file = "secrets/webhook" }
        ca_file = "/etc/ca.pem"
        [select]
        csv = "pages.csv"
    """)

    job = read_job(job_file)

    assert job.select.csv == str(job_file.parent / "pages.csv")
    assert job.portal.webhook == Secret(file=str(job_file.parent / "secrets/webhook"))
    assert job.portal.ca_file == "/etc/ca.pem"


@pytest.mark.parametrize(
    ("named", "found"),
    [("demo", "demo"), ("./mine.toml", "{folder}/mine.toml"), ("mine.toml", "{folder}/mine.toml")],
    ids=["a name", "a path", "a file beside the job"],
)
def test_a_sandbox_is_a_name_or_a_file(job_file: Path, named: str, found: str) -> None:
    job_file.write_text(f"portal.sandbox = '{named}'\nselect.scope = 'GROUP'")

    job = read_job(job_file)

    assert job.portal.sandbox == found.format(folder=job_file.parent)


def test_every_mistake_is_told_at_once_with_its_line(job_file: Path) -> None:
    text = """name = ""
acton = "publish"
[portal]
plan = "enterprize"
[select]
scope = "KNOWLEGDE"
site = [1,
        "x"]
[pace]
batch_size = 51
concurency = 3
"""

    said = complaints(job_file, text)

    assert said == [
        "nightly.toml:1: name: must be a text that is not empty, not ''",
        "nightly.toml:2: 'acton' is not a key of a job: did you mean action?",
        "nightly.toml:4: plan: can't be 'enterprize': did you mean enterprise?",
        "nightly.toml:6: scope: 'KNOWLEGDE' is not a scope: did you mean KNOWLEDGE?",
        "nightly.toml:7: site: must be a site id, which is a whole number from 1, or a list of them",
        "nightly.toml:10: batch_size: must be a whole number from 1 to 50, not 51",
        "nightly.toml:11: 'concurency' is not a key of [pace]: did you mean concurrency?",
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("csv = 'a.csv'", "'csv' is not a key of a job: it belongs in [select]"),
        ("selct.csv = 'a.csv'", "'selct' is not a key of a job: did you mean select?"),
        ("pace = 4", "pace must be a table: [pace]"),
        ("pace.name = 'x'", "'name' is not a key of [pace]: it belongs at the top"),
        ("pace.concurrency = 65", "concurrency: must be a whole number from 1 to 64, not 65"),
        ("pace.concurrency = true", "concurrency: must be a whole number from 1 to 64, not true"),
        ("pace.batch_size = 1.5", "batch_size: must be a whole number from 1 to 50, not 1.5"),
        (
            "pace.operating_share = 0",
            "operating_share: must be a number above 0 and up to 1, not 0",
        ),
        ("pace.operating_share = nan", "operating_share: must be a number above 0"),
        ("pace.operating_limit = inf", "operating_limit: must be a number of seconds"),
        ("pace.fail_fast = 'yes'", "fail_fast: must be true or false, not 'yes'"),
        ("pace.max_failures = 0", "max_failures: must be a whole number of 1 or more, not 0"),
        (
            "pace.max_failures = [1]",
            "max_failures: must be a whole number of 1 or more, not a list",
        ),
        ("name = 2026-01-01", "name: must be a text that is not empty, not a date or time"),
        ("action = 'delete'", "action: can't be 'delete': there is publish, unpublish"),
        ("portal.webhook = { }", "webhook: must have env, file or keyring, one of them"),
        (
            "portal.webhook = { env = 'A', file = 'b' }",
            "webhook: must have env, file or keyring, one of",
        ),
        ("portal.webhook = { env = 'A B' }", "webhook: env must be an environment variable's name"),
        ("portal = { sandbox = 'demo', webhook = { env = 'A' } }", "can't be combined"),
        ("select.page = ['5-3', '1']", "page: '5-3' runs backwards: write 3-5"),
        ("select.page = []", "page: must be an id such as 351"),
        ("select.scope = 5", "scope: must be one of KNOWLEDGE, GROUP, MAINPAGE, not 5"),
        ("select.csv = {}", "csv: must be a text that is not empty, not a table"),
        ("name = 'b", "nightly.toml:1: this is not TOML: "),
        ("name = 'a'\nname = 'b'", "this is not TOML: Cannot overwrite a value"),
    ],
    ids=repr,
)
def test_a_mistake_is_told_in_a_sentence(job_file: Path, line: str, why: str) -> None:
    said = complaints(job_file, line)

    assert any(why in one for one in said)


@pytest.mark.parametrize(
    "line",
    [
        "portal.webhook = '{secret}'",
        "portal.webhook = ['{secret}']",
        "portal.webhook = {{ env = '{secret}' }}",
        "portal.webhook = {{ file = '{secret}' }}",
        "portal.webhook = {{ url = '{secret}' }}",
        "portal.webhok = '{secret}'",
        "portal.plan = '{secret}'",
        "select.scope = '{secret}'",
        "action = '{secret}'",
        "webhook = '{secret}'",
        "portal.webhook = '{secret}",
    ],
)
def test_a_webhook_that_is_written_out_is_refused_and_not_repeated(
    job_file: Path, line: str
) -> None:
    secret = "https://example.bitrix24.com/rest/1/s3cr3t/"

    said = "\n".join(complaints(job_file, line.format(secret=secret)))

    assert "s3cr3t" not in said
    assert "example" not in said


def test_a_webhook_that_is_written_out_is_answered_with_how_to_name_it(job_file: Path) -> None:
    said = complaints(job_file, "select.scope = 'GROUP'\nportal.webhook = 'https://x/rest/1/y/'")

    assert said == [
        """nightly.toml:2: webhook: a secret is named, never written: \
write { env = "BITRIX24_WEBHOOK" }, { file = "webhook.secret" } or { keyring = "NAME" }"""
    ]


@pytest.mark.parametrize(
    ("selection", "why"),
    [
        (Selection(), "no pages selected"),
        (Selection(csv="a", site=(1,)), "csv and site can't be combined"),
        (Selection(csv="a", page=("1",)), "csv and page can't be combined"),
        (Selection(page=("1",), site=(1,)), "page and site can't be combined"),
        (Selection(csv="a", xlsx="b"), "csv and xlsx can't be combined"),
        (Selection(site=(1,), column="lid"), "column needs csv or xlsx"),
        (Selection(csv="a", sheet="b"), "sheet needs xlsx"),
        (Selection(xlsx="a", urls="b"), "xlsx and urls can't be combined"),
        (Selection(url=("/x/",), urls="b"), "url and urls can't be combined"),
        (Selection(urls="a", column="b"), "column needs csv"),
        (Selection(url=("351",)), "url: that is not a page's address"),
        (Selection(url=("/x/", "351")), "url: address 2 of 2: that is not a page's address"),
        (Selection(scope=Scope.GROUP, skip_bad_rows=True), "skip_bad_rows needs csv"),
        (Selection(csv="a", only=Only.CHANGED, lookup=False), "only changed needs the lookup"),
        (Selection(csv="a", limit=0), "limit: must be a whole number of 1 or more, not 0"),
        (Selection(site=(0,)), "site: must be a site id"),
        (Selection(page=("x",)), "page: 'x' is neither a page id nor a range"),
    ],
    ids=lambda value: value if isinstance(value, str) else "of",
)
def test_a_selection_that_cannot_be_is_told_so(selection: Selection, why: str) -> None:
    (problem,) = selection_problems(selection)

    assert problem.startswith(why)


@pytest.mark.parametrize(
    "selection",
    [
        Selection(csv="-", column="lid", skip_bad_rows=True, scope=Scope.GROUP),
        Selection(xlsx="pages.xlsx", sheet="List", column="lid"),
        Selection(url=("/x/", "a.example/y/"), skip_bad_rows=True),
        Selection(urls="addresses.txt", skip_bad_rows=True),
        Selection(page=("1", "4-6"), only=Only.UNPUBLISHED),
        Selection(site=(27, 28), scope=Scope.KNOWLEDGE),
        Selection(scope=Scope.MAINPAGE, limit=1),
    ],
    ids=["csv", "xlsx", "url", "urls", "page", "site and scope", "scope"],
)
def test_one_way_to_say_which_pages_is_right(selection: Selection) -> None:
    assert selection_problems(selection) == []


@pytest.mark.parametrize("key", ["csv", "xlsx", "urls"])
def test_a_list_of_whichever_kind_is_the_selection_s_file(key: str) -> None:
    selection = Selection(**{key: "list"})

    assert selection.file == "list"
    assert selection.with_paths(lambda path: f"a/{path}") == Selection(**{key: "a/list"})


def test_a_pace_is_held_to_the_same_ranges() -> None:
    assert pace_problems(Pace()) == []
    assert pace_problems(Pace(concurrency=0, intensity_share=2.0)) == [
        "concurrency: must be a whole number from 1 to 64, not 0",
        "intensity_share: must be a number above 0 and up to 1, not 2.0",
    ]


def test_a_portal_is_held_to_the_same_rules() -> None:
    assert portal_problems(Portal(webhook=Secret(env="A"))) == []
    assert len(portal_problems(Portal(webhook=Secret(env="A"), sandbox="demo"))) == 1
    assert len(portal_problems(Portal(webhook=Secret()))) == 1


@pytest.mark.parametrize(
    ("table", "described"),
    [("portal", Portal), ("select", Selection), ("pace", Pace)],
)
def test_there_is_a_rule_for_each_field(table: str, described: type[msgspec.Struct]) -> None:
    in_a_word = {"profile"}
    assert [key for key in TABLES[table] if key not in in_a_word] == [*described.__struct_fields__]


def test_the_tables_of_a_job_are_its_fields() -> None:
    assert (*TOP, *TABLES) == Job.__struct_fields__


@pytest.mark.parametrize("name", ["missing.toml", "."], ids=["missing", "a folder"])
def test_a_file_that_cannot_be_read_is_told_in_a_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadJobFile, match="can't be read: "):
        read_job(tmp_path / name)


def test_a_file_that_is_not_utf_8_is_told_in_a_sentence(job_file: Path) -> None:
    job_file.write_bytes("name = 'a'\n# Привет".encode("cp1251"))

    with pytest.raises(BadJobFile, match=r"nightly.toml:2: it is not UTF-8"):
        read_job(job_file)


def test_a_byte_order_mark_does_no_harm(job_file: Path) -> None:
    job_file.write_text("select.scope = 'GROUP'", encoding="utf-8-sig")

    assert read_job(job_file).select.scope is Scope.GROUP


def problems_of(job: Job) -> list[str]:
    return [
        *portal_problems(job.portal),
        *selection_problems(job.select, is_whole=False),
        *pace_problems(job.pace),
    ]


@given(jobs)
def test_a_job_comes_back_from_json_as_it_was(job: Job) -> None:
    written = json.loads(json.dumps(encode_job(job)))

    if problems_of(job):
        with pytest.raises(BadJournal, match="can't be"):
            decode_job(written, selects=False)
    else:
        assert decode_job(written, selects=False) == job


def test_what_a_later_version_wrote_is_still_a_job() -> None:
    data = {**encode_job(Job(name="a")), "mood": "good"}

    assert decode_job(data, selects=False) == Job(name="a")


def test_a_damaged_description_is_refused() -> None:
    with pytest.raises(BadJournal, match="damaged"):
        decode_job({"name": "a", "pace": {"concurrency": "four"}})


def test_lines_are_found_past_everything_that_only_looks_like_a_key() -> None:
    text = '''# name = 1
"na\\u006de" = """
[no] # table
key = 1
"""
[a . "b.c"] # a table
list = [
  # x = 1
  { x = 1.5, y.z = 2026-01-01 10:00:00 },
  '[no]', "a = \\"b\\"",
]
[[d]]
last = true
'''

    lines = find_lines(text)

    assert lines == {
        ("name",): 2,
        ("a",): 6,
        ("a", "b.c"): 6,
        ("a", "b.c", "list"): 7,
        ("a", "b.c", "list", "x"): 9,
        ("a", "b.c", "list", "y"): 9,
        ("a", "b.c", "list", "y", "z"): 9,
        ("d",): 12,
        ("d", "last"): 13,
        ("d", "0"): 12,
        ("d", "0", "last"): 13,
    }


def test_the_demo_job_works_as_it_is() -> None:
    job = read_job(SHIPPED / "demo.toml")

    assert job.portal.sandbox == "demo"
    assert job.select.scope is Scope.KNOWLEDGE


def test_the_migration_job_works_as_it_is() -> None:
    job = read_job(SHIPPED / "knowledge-base-migration.toml")

    checked = check_csv(
        job.select.csv or "",
        column=job.select.column,
        scope=job.select.scope,
        skip_bad_rows=job.select.skip_bad_rows,
    )

    assert checked.pages == 6
    assert job.portal.webhook == Secret(env="BITRIX24_WEBHOOK")


def test_the_job_for_many_portals_works_as_it_is() -> None:
    jobs = by_portal(read_job(SHIPPED / "many-portals.toml"), {})

    assert {name: one.portal.webhook for name, one in jobs.items()} == {
        "client-a": Secret(env="CLIENT_A_WEBHOOK"),
        "client-b": Secret(env="CLIENT_B_WEBHOOK"),
    }


HUGE = "9" * 5000


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"[select]\nsite = {HUGE}\n", "2: this is not TOML: a number has too many digits"),
        (f"[select]\nsite = [1, 0x{'f' * 5000}]\n", "2: site: must be a site id"),
        (f"[select]\npage = 0x{'f' * 5000}\n", "2: page: 'a number of over 40 digits' is neither"),
        ("[select]\npage = 9223372036854775808\n", "2: page: '9223372036854775808' is neither"),
        ('[select]\npage = "9223372036854775808"\n', "2: page: '9223372036854775808' is neither"),
        ("[select]\nsite = 9223372036854775808\n", "2: site: must be a site id"),
        ("[select]\nlimit = 9223372036854775808\n", "2: limit: 9223372036854775808 is too large"),
        (f"[pace]\nconcurrency = 0x{'f' * 5000}\n", "2: concurrency: a number of over 40 digits is too large"),
        (f"[pace]\noperating_limit = 0x{'f' * 5000}\n", "2: operating_limit: must be a number of"),
        (f"name = {'[' * 5000}\n", "1: this is not TOML: its lists and tables are nested too deep"),
    ],
    ids=["a site", "a site in hex", "a page in hex", "a page", "a page in words", "a site of 2^63",
         "a limit", "a whole number", "a number", "brackets"],
)  # fmt: skip
def test_a_number_too_large_for_anything_is_told_in_a_line(
    job_file: Path, text: str, why: str
) -> None:
    said = complaints(job_file, text)

    assert said[-1].startswith(f"nightly.toml:{why}")
    assert max(map(len, said)) < 300


def test_a_job_with_names_that_are_no_text_can_be_written_down_and_read_again() -> None:
    odd = "\udcd1\udcf2"
    job = Job(
        name=odd,
        portal=Portal(webhook=Secret(file=odd), ca_file=odd),
        select=Selection(csv=f"{odd}.csv", column=odd),
    )

    again = decode_job(json.loads(msgspec.json.encode(encode_job(job))))

    assert again.select == Selection(csv=r"\xd1\xf2.csv", column=r"\xd1\xf2")
    assert again.name == r"\xd1\xf2"


@given(st.text() | st.binary().map(lambda read: read.decode("latin-1")))
def test_whatever_stands_in_a_job_file_is_a_job_or_a_complaint(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "job.toml")
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        with contextlib.suppress(BadJobFile):
            read_job(path)


@pytest.mark.parametrize(
    "text", ["x = {{K = 1}}\nx.K = 2\n", "x = {{K = 1, K = 2}}\n", "[K]\n[K]\n", "K = 1\nK.a = 2\n"]
)
def test_a_key_that_the_parser_repeats_is_not_shown(job_file: Path, text: str) -> None:
    secret = '"https://example.bitrix24.com/rest/1/s3cr3t/"'

    said = complaints(job_file, text.replace("{{", "{").replace("}}", "}").replace("K", secret))

    assert "s3cr3t" not in said[0]
    assert said[0].startswith("nightly.toml:")


def test_a_named_portal_is_found_beside_the_job_file(job_file: Path) -> None:
    job_file.write_text('[portal]\nname = "shop"\nnamed_in = "portals.toml"\n[select]\npage = 1\n')

    portal = read_job(job_file).portal

    assert portal == Portal(name="shop", named_in=str(job_file.parent / "portals.toml"))


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ("name = 'shop'\nwebhook = { env = 'A' }", "nightly.toml:2: name and webhook can't be combined: a named portal has its own credential"),
        ("webhook = { env = 'A' }\noauth = { keyring = 'b' }", "nightly.toml:3: oauth and webhook can't be combined: each is a way in by itself"),
        ("sandbox = 'clean'\nname = 'shop'", "nightly.toml:2: sandbox and name can't be combined: a sandbox has no secrets"),
        ("named_in = 'p.toml'", "nightly.toml:2: named_in needs name: it is the file that the name stands in"),
        ("name = 'a/b'", "nightly.toml:2: name: a portal's name is up to 60 letters, digits, '.', '_' and '-', and begins with one of the first two, not 'a/b'"),
        ("webhook = { keyring = ' x' }", "nightly.toml:2: webhook: keyring must be a name of up to 200 characters in the system keyring"),
    ],
)  # fmt: skip
def test_a_portal_has_one_way_in(job_file: Path, keys: str, why: str) -> None:
    told = complaints(job_file, f"[portal]\n{keys}\n[select]\npage = 1\n")

    assert [line.startswith(why) for line in told] == [True], told


def test_another_way_in_replaces_the_run_s_own() -> None:
    asked = Job(name="j", portal=Portal(webhook=Secret(file="a"), plan=PortalPlan.STANDARD))

    named = with_changes(asked, {"portal": {"name": "shop", "named_in": "/p"}})
    back = with_changes(named, {"portal": {"webhook": Secret(keyring="b")}})

    assert named.portal == Portal(name="shop", named_in="/p", plan=PortalPlan.STANDARD)
    assert back.portal == Portal(webhook=Secret(keyring="b"), plan=PortalPlan.STANDARD)
    with pytest.raises(BadSetting, match="--portals needs --portal NAME"):
        with_changes(asked, {"portal": {"named_in": "/p"}})


GENTLE = {"operating_share": 0.5, "intensity_share": 0.5}


@pytest.mark.parametrize(
    ("pace", "shares"),
    [
        ('profile = "gentle"', GENTLE),
        ('profile = "gentle"\noperating_share = 0.98', {**GENTLE, "operating_share": 0.98}),
        ('profile = "full"', {"operating_share": 0.98, "intensity_share": 1.0}),
        ("", {"operating_share": 0.98, "intensity_share": 1.0}),
    ],
)
def test_a_profile_stands_for_the_shares_that_are_not_given(
    tmp_path: Path, pace: str, shares: dict[str, float]
) -> None:
    path = tmp_path / "job.toml"
    path.write_text(f'[select]\nscope = "KNOWLEDGE"\n[pace]\n{pace}\n')

    job = read_job(path)

    assert {key: getattr(job.pace, key) for key in shares} == shares
    assert decode_job(encode_job(job)) == job


def test_a_gentle_pace_is_half_of_each_limit() -> None:
    assert Pace.gentle(concurrency=2) == Pace(concurrency=2, **GENTLE)
    assert Pace.gentle(intensity_share=1.0) == Pace(operating_share=0.5)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('between = "22-06"', "between: must be hours such as"),
        ('between = "22:00-22:00"', "between: hours must end at another time"),
        ('timezone = "portal"', "timezone: must be the name of a time zone"),
        ('timezone = "../etc/passwd"', "timezone: must be the name of a time zone"),
        ("stop_at = 06:00:00", 'stop_at: must be a time such as "06:00", in quotes'),
        ('stop_at = "soon"', "stop_at: must be a time such as 06:00"),
        ("max_duration = 0", "max_duration: must be above 0"),
        ('max_duration = "long"', "max_duration: must be a duration such as 3h"),
        ('profile = "rude"', "profile: can't be 'rude'"),
    ],
)
def test_hours_that_can_not_be_are_refused_with_their_line(
    tmp_path: Path, line: str, why: str
) -> None:
    path = tmp_path / "job.toml"
    path.write_text(f'[select]\nscope = "KNOWLEDGE"\n[pace]\n{line}\n')

    with pytest.raises(BadJobFile, match=re.escape(f"job.toml:4: {why}")):
        read_job(path)


def test_hours_stand_in_a_job_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    hours = (
        'between = "Sat-Sun"\ntimezone = "Europe/Berlin"\nstop_at = "06:00"\nmax_duration = "1h30m"'
    )
    path.write_text(f'[select]\nscope = "KNOWLEDGE"\n[pace]\n{hours}\n')

    pace = read_job(path).pace

    assert (pace.between, pace.timezone, pace.stop_at) == ("Sat-Sun", "Europe/Berlin", "06:00")
    assert pace.max_duration == 5400
