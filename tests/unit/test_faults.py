import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.model import FaultClass
from bulk_publisher.portal import faults

FACTS = Path(__file__).parents[2] / "docs" / "bitrix24.md"
CODE = re.compile(r"`([A-Za-z][A-Za-z0-9_]+)`")


def _rows() -> list[list[str]]:
    """The cells of the table in §7 that says what to do with each error."""
    section = FACTS.read_text(encoding="utf-8").partition("\n## 7.")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


DOCUMENTED = [(code, cells[2]) for cells in _rows() for code in CODE.findall(cells[0])]
BY_PLACE = {("ACCESS_DENIED", "credential"), ("ERROR_CORE", "page")}
"""Second rows of codes that mean two things; each has a test of its own."""


def _kind(code, *, status=400, in_command=False):
    return faults.classify(code, "", status=status, in_command=in_command).kind


def test_the_table_of_the_facts_is_found():
    assert len(DOCUMENTED) > 40


@pytest.mark.parametrize(("code", "kind"), sorted(set(DOCUMENTED) - BY_PLACE))
def test_every_code_of_the_facts_is_in_the_table_with_its_class(code, kind):
    rule = faults.TABLE[code]

    assert (rule.kind.value + ", alone" * rule.is_alone) == kind


def test_every_code_of_the_table_is_in_the_facts_or_is_ours():
    documented = {code for code, _ in DOCUMENTED}

    assert set(faults.TABLE) - documented == faults.OURS


def test_no_code_of_ours_is_one_of_the_portal():
    assert faults.OURS.isdisjoint(code for code, _ in DOCUMENTED)


def test_codes_that_mean_two_things_are_in_the_facts_twice_and_no_others():
    codes = [code for code, _ in DOCUMENTED]

    assert {code for code in codes if codes.count(code) > 1} == {code for code, _ in BY_PLACE}


@pytest.mark.parametrize("code", sorted(faults.TABLE))
def test_every_code_has_a_hint_that_is_a_sentence(code):
    assert faults.TABLE[code].hint.endswith(".")


@pytest.mark.parametrize("code", sorted(set(faults.TABLE) - {"ACCESS_DENIED", "ERROR_CORE"}))
@pytest.mark.parametrize("status", [200, 401, 503])
@pytest.mark.parametrize("in_command", [True, False], ids=["in a command", "in the answer"])
def test_a_known_code_decides_whatever_the_status_and_the_place(code, status, in_command):
    fault = faults.classify(code, "", status=status, in_command=in_command)

    assert (fault.kind, fault.hint) == faults.TABLE[code][:2]
    assert fault.code == code


@pytest.mark.parametrize("change", [str.lower, str.upper, str.title])
@pytest.mark.parametrize("code", sorted(set(faults.TABLE) - {"ERROR_CORE"}))
def test_a_code_is_known_in_any_case(code, change):
    assert _kind(change(code)) is faults.TABLE[code].kind


@pytest.mark.parametrize("code", ["PUBLIC_HTML_DISALLOWED[L351]", "public_html_disallowed[S7]"])
def test_a_code_is_known_by_what_stands_before_its_brackets_and_kept_whole(code):
    fault = faults.classify(code, "", status=400, in_command=False)

    assert fault.kind is FaultClass.SITE
    assert fault.code == code


@pytest.mark.parametrize(
    ("status", "in_command", "kind"),
    [
        pytest.param(401, False, FaultClass.CREDENTIAL, id="REST is not on the plan, by source"),
        pytest.param(403, False, FaultClass.SITE, id="that method alone"),
        pytest.param(400, False, FaultClass.SITE, id="the landing method's own"),
        pytest.param(200, True, FaultClass.SITE, id="a command's"),
        pytest.param(401, True, FaultClass.SITE, id="a command's, whatever the status"),
    ],
)
def test_access_denied_means_another_thing_by_its_place(status, in_command, kind):
    assert _kind("ACCESS_DENIED", status=status, in_command=in_command) is kind


@pytest.mark.parametrize(
    ("status", "in_command", "kind"),
    [
        pytest.param(500, False, FaultClass.TRANSIENT, id="a database that failed"),
        pytest.param(400, False, FaultClass.PAGE, id="any other exception"),
        pytest.param(200, True, FaultClass.PAGE, id="a command's"),
        pytest.param(500, True, FaultClass.PAGE, id="a command has no status of its own"),
    ],
)
def test_error_core_goes_by_the_status(status, in_command, kind):
    fault = faults.classify("ERROR_CORE", "", status=status, in_command=in_command)

    assert fault.kind is kind
    assert fault.hint


@pytest.mark.parametrize(
    "code", ["NEVER_SEEN", "", None, 0, "0", 17, "[L1]", 1.5, ["x"], {}], ids=repr
)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, FaultClass.PAGE),
        (400, FaultClass.PAGE),
        (404, FaultClass.PAGE),
        (401, FaultClass.CREDENTIAL),
        (403, FaultClass.CREDENTIAL),
        (429, FaultClass.OPERATING),
        (500, FaultClass.TRANSIENT),
        (503, FaultClass.TRANSIENT),
    ],
)
def test_a_code_that_is_not_known_goes_by_the_status(code, status, kind):
    fault = faults.classify(code, "", status=status, in_command=False)

    assert fault.kind is kind
    assert fault.hint
    assert fault.code


@pytest.mark.parametrize("status", [200, 401, 429, 500])
def test_a_code_that_is_not_known_on_a_command_is_the_pages(status):
    assert _kind("NEVER_SEEN", status=status, in_command=True) is FaultClass.PAGE


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("NEVER_SEEN", "NEVER_SEEN"),
        (0, "0"),
        ("", "0"),
        (None, "0"),
        (403, "403"),
        ("A\x1b[31mB\nC", "A [31mB C"),
        ("X" * 5_000, "X" * 100),
    ],
)
def test_a_code_is_kept_word_for_word_on_one_line(code, kept):
    assert faults.classify(code, "", status=400, in_command=False).code == kept


@pytest.mark.parametrize(
    ("code", "sent"),
    [
        ("INTERNAL_SERVER_ERROR", None),
        ("ERROR_UNEXPECTED_ANSWER", None),
        ("ERROR_CORE", None),
        ("WRONG_ENCODING", True),
        ("CONNECTION_ERROR", False),
        ("QUERY_LIMIT_EXCEEDED", False),
        ("OPERATION_TIME_LIMIT", False),
        ("LANDING_NOT_EXIST", False),
        ("expired_token", False),
        ("NEVER_SEEN", None),
    ],
)
def test_an_error_tells_whether_the_work_may_be_done(code, sent):
    assert faults.classify(code, "", status=500, in_command=False).sent is sent


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("Access denied.<br>Ask <a href='/x'>your admin</a>.", "Access denied. Ask your admin ."),
        ("Tom &amp; &quot;Jerry&quot;&nbsp;&#171;x&#187;", 'Tom & "Jerry" «x»'),
        ("&lt;b&gt;escaped&lt;/b&gt; twice", "escaped twice"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("  many\n\n lines\t ", "many lines"),
        ("\x1b[2Jcleared\x00\x07", "[2Jcleared"),
        ("y" * 9_000, "y" * 500),
    ],
    ids=["tags", "entities", "escaped tags", "signs", "space", "controls", "long"],
)
def test_a_description_becomes_plain_text(raw, plain):
    assert faults.plain_text(raw) == plain


@pytest.mark.parametrize("text", ["<", "<a", "&lt;", "\n"])
def test_a_description_of_megabytes_is_read_at_once(text):
    assert len(faults.plain_text(text * 2_000_000)) <= 500


@given(st.text())
def test_a_plain_description_is_one_line_that_a_terminal_can_show(text):
    plain = faults.plain_text(text)

    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", plain)
    assert plain == plain.strip()


@pytest.mark.parametrize(
    ("status", "code", "sent"),
    [
        (302, faults.MOVED, False),
        (401, faults.NO_SUCH_ADDRESS, False),
        (403, faults.NO_SUCH_ADDRESS, False),
        (404, faults.NO_SUCH_ADDRESS, False),
        (429, faults.NOT_JSON, False),
        (500, faults.NOT_JSON, True),
        (502, faults.NOT_JSON, True),
        (503, faults.NOT_JSON, True),
        (504, faults.NOT_JSON, True),
    ],
)
def test_a_page_instead_of_an_answer_goes_by_its_status(status, code, sent):
    fault = faults.classify_page_of_html(status)

    assert (fault.code, fault.sent) == (code, sent)


def test_a_page_of_html_with_503_is_no_rate_limit():
    assert faults.classify_page_of_html(503).kind is FaultClass.TRANSIENT


@pytest.mark.parametrize(
    ("code", "is_known"),
    [
        ("LANDING_NOT_EXIST", True),
        ("landing_not_exist", True),
        ("PUBLIC_HTML_DISALLOWED[L1]", True),
        ("NEVER_SEEN", False),
        ("0", False),
        ("ERROR_CORE", False),
    ],
)
def test_a_code_that_says_what_is_wrong_with_a_page_is_known(code, is_known):
    assert faults.is_known(code) is is_known


def test_a_plan_that_publishes_no_sites_of_a_kind_stops_those_and_not_the_run():
    assert _kind("PUBLIC_SITE_REACHED_FREE") is FaultClass.SITE


@pytest.mark.parametrize("code", sorted(faults.TABLE))
def test_no_hint_asks_for_a_paid_plan(code):
    assert "paid plan" not in faults.TABLE[code].hint
