import json
import math
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.model import Fault, FaultClass, PortalEpoch
from bulk_publisher.portal import faults
from bulk_publisher.portal.wire import (
    Answer,
    BatchAnswer,
    RawAnswer,
    Timing,
    batch_params,
    decode_answer,
    decode_batch,
    encode_call,
    encode_command,
    narrowed_answer,
    narrowed_batch,
)

TIME = {"start": 100.5, "finish": 102.0, "duration": 1.5, "processing": 1.4}


def _answer(body, *, status=200):
    return decode_answer(RawAnswer(status, json.dumps(body).encode()))


def _batch(keys, *, time=TIME, **parts):
    """A batch's answer with the parts that are given, empty as PHP has it where they are not."""
    empty = {"result": [], "result_error": [], "result_time": []}
    body = json.dumps({"result": {**empty, **parts}, "time": time}).encode()
    return decode_batch(RawAnswer(200, body), keys)


# requests


def test_a_call_is_its_parameters_as_json():
    assert json.loads(encode_call({"lid": 7, "scope": "KNOWLEDGE"})) == {
        "lid": 7,
        "scope": "KNOWLEDGE",
    }


def test_a_batch_goes_on_after_a_command_that_fails():
    assert json.loads(encode_call(batch_params({"p7": "m?lid=7"})))["halt"] == 0


def test_a_command_of_a_batch_is_its_method_and_its_parameters_as_a_query():
    command = encode_command("landing.x", {"lid": 7, "scope": "A&B=ü"})

    assert json.loads(encode_call(batch_params({"p7": command})))["cmd"] == {"p7": command}
    method, _, query = command.partition("?")
    assert method == "landing.x"
    assert parse_qs(query) == {"lid": ["7"], "scope": ["A&B=ü"]}


# answers to a call


@pytest.mark.parametrize(
    "result", [True, False, None, 0, 1, "true", [], {}, [{"ID": "7"}]], ids=repr
)
def test_a_result_is_given_as_it_came(result):
    answer = _answer({"result": result, "time": TIME})

    assert answer == Answer(result, Timing(100.5, 102.0, 1.5, None, None))
    assert type(answer.result) is type(result)


@pytest.mark.parametrize(
    ("time", "timing"),
    [
        pytest.param(
            {**TIME, "operating": 3.5, "operating_reset_at": 700},
            Timing(100.5, 102.0, 1.5, 3.5, 700.0),
            id="with a meter",
        ),
        pytest.param(TIME, Timing(100.5, 102.0, 1.5, None, None), id="without a meter"),
        pytest.param(
            {"start": "100.5", "finish": "102", "duration": "1.5", "operating": "0.25"},
            Timing(100.5, 102.0, 1.5, 0.25, None),
            id="numbers as text",
        ),
        pytest.param(
            {"start": 100, "finish": 102},
            Timing(100.0, 102.0, 2.0, None, None),
            id="without a duration",
        ),
        pytest.param(
            {"start": 102, "finish": 100},
            Timing(102.0, 100.0, 0.0, None, None),
            id="a clock that was set back meanwhile",
        ),
        pytest.param({**TIME, "duration": -5}, Timing(100.5, 102.0, 1.5, None, None), id="negative"),
        pytest.param(
            {**TIME, "operating": "much", "operating_reset_at": []},
            Timing(100.5, 102.0, 1.5, None, None),
            id="a meter that says nothing",
        ),
        pytest.param(
            {**TIME, "operating": "nan", "operating_reset_at": "inf"},
            Timing(100.5, 102.0, 1.5, None, None),
            id="a meter that is no number",
        ),
        pytest.param([], None, id="an empty array"),
        pytest.param({}, None, id="an empty map"),
        pytest.param(None, None, id="null"),
        pytest.param("soon", None, id="text"),
        pytest.param([1, 2, 3], None, id="a list"),
        pytest.param({"start": 1}, None, id="without an end"),
        pytest.param({"start": "nan", "finish": "nan"}, None, id="no numbers"),
        pytest.param({"start": True, "finish": True}, None, id="truths"),
        pytest.param({"start": 10**400, "finish": 1}, None, id="larger than any number"),
    ],
)  # fmt: skip
def test_the_time_of_an_answer_is_read_as_far_as_it_tells(time, timing):
    assert _answer({"result": True, "time": time}).timing == timing


def test_an_answer_without_a_time_is_an_answer():
    assert _answer({"result": True}) == Answer(True, None)


@pytest.mark.parametrize("status", [200, 400, 401, 500, 503])
def test_an_error_is_a_fault_whatever_the_status(status):
    body = {"error": "LANDING_NOT_EXIST", "error_description": "No &quot;page&quot;"}

    fault = _answer(body, status=status)

    assert (fault.kind, fault.code) == (FaultClass.PAGE, "LANDING_NOT_EXIST")
    assert fault.description == 'No "page"'


@pytest.mark.parametrize("error", ["", 0, "0", None, False], ids=repr)
def test_an_error_is_there_when_its_key_is_and_whatever_it_says(error):
    fault = _answer({"error": error, "result": True})

    assert isinstance(fault, Fault)


def test_an_error_of_the_newer_endpoints_has_its_code_inside():
    body = {"error": {"code": "QUERY_LIMIT_EXCEEDED", "message": "Too many <b>requests</b>"}}

    fault = _answer(body, status=503)

    assert (fault.kind, fault.description) == (FaultClass.RATE, "Too many requests")


@pytest.mark.parametrize("error", [{}, {"code": None}, {"code": {"x": 1}}, [], ["X"]], ids=repr)
def test_an_error_in_another_shape_is_a_fault_all_the_same(error):
    assert isinstance(_answer({"error": error}, status=400), Fault)


@pytest.mark.parametrize("description", [None, 7, ["a"], {"a": 1}, True], ids=repr)
def test_a_description_in_another_shape_is_text_all_the_same(description):
    fault = _answer({"error": "X", "error_description": description}, status=400)

    assert isinstance(fault.description, str)


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b'{"result": true, "ti', b'{"result": "\xff"}', b'{"result":' * 50_000],
    ids=lambda body: body[:20].decode("latin-1") or "empty",
)
def test_a_good_status_with_an_answer_that_is_cut_leaves_open_what_was_done(body):
    fault = decode_answer(RawAnswer(200, body))

    assert (fault.kind, fault.code) == (FaultClass.TRANSIENT, faults.NO_ANSWER)
    assert fault.sent is True


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"true",
        b'"text"',
        b"[]",
        b'[{"result": true}]',
        b"{}",
        b'{"time": []}',
        b'{"status": "ok", "data": []}',
        b"<html></html>",
        b"\n<!DOCTYPE html>",
        b"\xff\xfe",
        b"[" * 100_000,
    ],
    ids=lambda body: body[:20].decode("latin-1"),
)
def test_a_whole_answer_that_no_portal_gives_leaves_open_what_was_done(body):
    fault = decode_answer(RawAnswer(200, body))

    assert (fault.kind, fault.code) == (FaultClass.TRANSIENT, faults.NO_PORTAL)
    assert fault.sent is True
    assert "does not look like a Bitrix24 portal" in fault.hint


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (302, faults.MOVED),
        (403, faults.NO_SUCH_ADDRESS),
        (404, faults.NO_SUCH_ADDRESS),
        (500, faults.NOT_JSON),
        (502, faults.NOT_JSON),
        (503, faults.NOT_JSON),
        (504, faults.NOT_JSON),
    ],
)
@pytest.mark.parametrize("body", [b"<html>", b"", b"{}", b'{"result": true}'])
def test_a_bad_status_without_an_error_is_no_portals_answer(status, code, body):
    assert decode_answer(RawAnswer(status, body)).code == code


# answers to a batch


def test_each_command_of_a_batch_has_its_own_fate():
    keys = [f"p{number}" for number in range(1, 51)]
    done = {f"p{number}": True for number in range(1, 31)}
    denied = {f"p{number}": None for number in range(31, 36)}
    refused = {f"p{number}": {"error": "LANDING_NOT_EXIST"} for number in range(36, 46)}
    limited = {f"p{number}": {"error": "OPERATION_TIME_LIMIT"} for number in range(46, 50)}

    batch = _batch(
        keys,
        result=done | denied,
        result_error=refused | limited,
        result_time=dict.fromkeys(done | denied, TIME),
    )

    timing = Timing(100.5, 102.0, 1.5, None, None)
    fates = [batch.commands[key] for key in keys]
    assert fates[:30] == [Answer(True, timing)] * 30
    assert fates[30:35] == [Answer(None, timing)] * 5
    assert [fate.kind for fate in fates[35:45]] == [FaultClass.PAGE] * 10
    assert [fate.kind for fate in fates[45:49]] == [FaultClass.OPERATING] * 4
    assert (fates[49].code, fates[49].sent) == (faults.MISSING_FROM_ANSWER, None)


@pytest.mark.parametrize("empty", [[], {}, None, "", False], ids=repr)
def test_an_empty_map_of_any_form_is_empty(empty):
    batch = _batch(["p1"], result={"p1": True}, result_error=empty, result_time=empty)

    assert batch.commands == {"p1": Answer(True, None)}


@pytest.mark.parametrize("result", [[], {}, None, True, "", [[], []]], ids=repr)
def test_a_batch_that_the_portal_could_not_read_is_answered_for_no_command(result):
    batch = decode_batch(RawAnswer(200, json.dumps({"result": result}).encode()), ["p1", "p2"])

    assert {key: fate.code for key, fate in batch.commands.items()} == {
        "p1": faults.MISSING_FROM_ANSWER,
        "p2": faults.MISSING_FROM_ANSWER,
    }


def test_a_map_whose_keys_happen_to_be_numbers_is_read_from_a_list():
    batch = _batch(["0", "1"], result=[True, None])

    assert batch.commands == {"0": Answer(True, None), "1": Answer(None, None)}


def test_a_command_with_a_time_and_no_result_was_answered_with_nothing():
    batch = _batch(["p1"], result_time={"p1": TIME})

    assert batch.commands["p1"].result is None


def test_a_command_in_both_maps_has_failed():
    batch = _batch(["p1"], result={"p1": True}, result_error={"p1": {"error": "X"}})

    assert isinstance(batch.commands["p1"], Fault)


@pytest.mark.parametrize(
    "error", [{"error": ""}, {"error": 0}, {"error": "0"}, {}, [], "", None, 7, "X"], ids=repr
)
def test_an_error_of_a_command_is_there_when_its_key_is(error):
    fault = _batch(["p1"], result_error={"p1": error}).commands["p1"]

    assert fault.kind is FaultClass.PAGE


def test_a_command_that_nobody_sent_is_passed_over():
    assert list(_batch(["p1"], result={"p1": True, "p2": True}).commands) == ["p1"]


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("QUERY_LIMIT_EXCEEDED", 503, FaultClass.RATE),
        ("OPERATION_TIME_LIMIT", 429, FaultClass.OPERATING),
        ("ERROR_BATCH_METHOD_NOT_ALLOWED", 405, FaultClass.BATCH),
        ("INVALID_CREDENTIALS", 401, FaultClass.CREDENTIAL),
        ("PUBLIC_PAGE_REACHED", 400, FaultClass.PORTAL),
    ],
)
def test_an_error_of_the_whole_batch_is_one_fault(code, status, kind):
    fault = decode_batch(RawAnswer(status, json.dumps({"error": code}).encode()), ["p1"])

    assert (fault.kind, fault.is_alone) == (kind, False)


@pytest.mark.parametrize(
    "code", ["NEVER_SEEN", "", "ERROR_CORE", "MISSING_PARAMS", "ACCESS_DENIED"]
)
def test_a_pages_error_on_a_whole_batch_lets_each_page_be_asked_alone(code):
    fault = decode_batch(RawAnswer(400, json.dumps({"error": code}).encode()), ["p1", "p2"])

    assert (fault.kind, fault.is_alone) == (FaultClass.TRANSIENT, True)
    assert fault.code == (code or "0")


# what stands around an answer

GOOD = json.dumps({"result": True, "time": TIME}).encode()
GOOD_BATCH = json.dumps(
    {"result": {"result": {"p7": True}, "result_error": [], "result_time": {"p7": TIME}}, "time": TIME}
).encode()  # fmt: skip
MARK = b"\xef\xbb\xbf"
WARNING = (
    b"<br />\n<b>Warning</b>:  Undefined array key in "
    b"<b>/home/bitrix/www/bitrix/php_interface/init.php</b> on line <b>3</b><br />\n"
)


@pytest.mark.parametrize(
    ("before", "after"),
    [(MARK, b""), (b"", MARK), (MARK * 3, MARK + b"\n"), (b"\n" + MARK + b" " + MARK, b""), (b"\n\n", b" \t")],
)  # fmt: skip
def test_marks_and_blanks_around_an_answer_are_left_aside(before, after):
    raw = RawAnswer(200, before + GOOD + after)
    batch = RawAnswer(200, before + GOOD_BATCH + after)

    assert decode_answer(raw).result is True
    assert decode_batch(batch, ["p7"]).commands["p7"].result is True


@pytest.mark.parametrize("answer", [GOOD, GOOD_BATCH, b'{"error": "LANDING_NOT_EXIST"}'])
@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (WARNING, b"", "'Warning: Undefined array key in /home/bitrix/www/bitrix/php_interface/init.php on line 3'"),
        (b"", b"\n<!-- page generated in 0.1 s -->", "'<!-- page generated in 0.1 s -->'"),
        (MARK + b"Notice", MARK + b"<p>bye</p>", "'Notice … "),
        (b"<style>b{color:red}</style>", b"", "b{color:red}"),
        (b"1", b"", "'1'"),
        (b")]}',\n", b"", ")]}'"),
        (b"", b'{"result": true}', "result"),
        (b"<br />", b"", "'<br />'"),
        (b"\xff\xfe", b"", "\ufffd"),
        (b"x" * 10_000, b"", "…'"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 400, 500])
def test_what_stands_around_an_answer_is_said_and_the_answer_is_not_believed(
    status, before, after, words, answer
):
    raw = RawAnswer(status, before + answer + after)

    for fault in (decode_answer(raw), decode_batch(raw, ["p7"])):
        assert (fault.kind, fault.code) == (FaultClass.CREDENTIAL, faults.SURROUNDED)
        assert fault.may_be_done
        assert words in fault.description
        assert len(fault.description) < 300


@pytest.mark.parametrize("body", [GOOD, GOOD_BATCH], ids=["call", "batch"])
def test_an_answer_that_is_cut_anywhere_is_never_taken_for_one_with_something_around(body):
    for end in range(len(body)):
        fault = decode_batch(RawAnswer(200, body[:end]), ["p7"])
        assert fault.code == faults.NO_ANSWER


@pytest.mark.parametrize(
    "figure",
    ["1e300", "-1e300", "1e400", "NaN", "Infinity", "-Infinity", "9" * 5_000, "-1", '"1e300"', '"nan"', "1" * 30,
     json.dumps("9" * 5_000), "1e-400"],
)  # fmt: skip
@pytest.mark.parametrize(
    "field", ["start", "finish", "duration", "operating", "operating_reset_at"]
)
def test_absurd_figures_are_no_figures_and_spoil_nothing_else(field, figure):
    time = json.dumps({**TIME, "operating": 1, "operating_reset_at": 700, field: 0})
    time = time.replace(f'"{field}": 0', f'"{field}": {figure}').encode()
    parts = b'{"result": {"p7": true}, "result_error": [], "result_time": {"p7": %b}}' % time

    answer = decode_answer(RawAnswer(200, b'{"result": true, "time": %b}' % time))
    batch = decode_batch(RawAnswer(200, b'{"result": %b, "time": %b}' % (parts, time)), ["p7"])

    assert answer.result is batch.commands["p7"].result is True
    for timing in filter(None, (answer.timing, batch.timing, batch.commands["p7"].timing)):
        assert 0 <= timing.duration <= 100
        assert 0 <= timing.start <= 1e11 >= timing.finish >= 0
        assert 0 <= (timing.operating or 0) <= 1e5


def test_a_figure_that_is_none_is_no_success():
    assert decode_answer(RawAnswer(200, b'{"result": 1e400, "time": {}}')).result is None
    assert decode_answer(RawAnswer(200, b'{"result": "NaN 1e400", "t": NaN}')).result == "NaN 1e400"


# any bytes

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
NAMES = """result result_error result_time time error error_description code message start finish
    duration operating operating_reset_at p1 0"""
names = st.sampled_from(NAMES.split())
trees = st.recursive(
    plain | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=20,
)
bodies = st.binary(max_size=50) | trees.map(lambda tree: json.dumps(tree).encode())
statuses = st.integers(100, 599)


@given(status=statuses, body=bodies)
def test_whatever_comes_back_from_a_call_is_an_answer_or_a_fault(status, body):
    assert isinstance(decode_answer(RawAnswer(status, body)), Answer | Fault)


@given(status=statuses, body=bodies)
def test_whatever_comes_back_from_a_batch_is_a_fate_for_each_command_or_a_fault(status, body):
    decoded = decode_batch(RawAnswer(status, body), ["p1", "p2"])

    assert isinstance(decoded, Fault) or set(decoded.commands) == {"p1", "p2"}


FIELDS = ["start", "finish", "duration", "operating", "operating_reset_at"]
wild = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.just(10**400)
numbers = wild | st.sampled_from(["nan", "-inf", "1e999", "1_0", "7", ""]) | st.floats().map(str)


@given(st.fixed_dictionaries(dict.fromkeys(FIELDS[:2], numbers)))
def test_a_time_that_is_told_is_made_of_numbers(time):
    timing = _answer({"result": True, "time": time}).timing

    assert timing is None or (math.isfinite(timing.start) and math.isfinite(timing.finish))


@given(st.dictionaries(st.sampled_from(FIELDS[2:]), numbers))
def test_what_a_time_tells_beside_its_ends_is_a_number_or_nothing(fields):
    timing = _answer({"result": True, "time": {**TIME, **fields}}).timing

    assert 0.0 <= timing.duration < math.inf
    assert timing.operating is None or math.isfinite(timing.operating)
    assert timing.operating_reset_at is None or math.isfinite(timing.operating_reset_at)


@given(
    results=st.lists(trees, min_size=1, max_size=3),
    times=st.lists(st.dictionaries(st.sampled_from(FIELDS), numbers | st.none()), min_size=4, max_size=4),
)  # fmt: skip
def test_a_plain_success_means_the_same_in_any_other_form(results, times):
    keys = [f"p{number}" for number in range(1, len(results) + 1)]
    full = [{**TIME, **time} for time in times]
    parts = {
        "result": dict(zip(keys, results, strict=True)),
        "result_time": dict(zip(keys, full, strict=False)),
    }

    plain = _batch(keys, time=full[-1], **parts)

    assert plain == _batch(keys, time=full[-1], **parts, result_error={})


# a naive PHP

DONE, DENIED, REFUSED, LOST = "done", "denied", "refused", "lost"
fates = st.sampled_from([DONE, DENIED, REFUSED, LOST])


def _php(value):
    """What PHP's json_encode makes of a nested array."""
    if not isinstance(value, dict):
        return value
    inner = {key: _php(item) for key, item in value.items()}
    is_list = list(inner) == [str(number) for number in range(len(inner))]
    return list(inner.values()) if is_list else inner


def _php_batch(fates_of):
    """The body with which a portal answers commands with these fates."""
    result = {key: fate == DONE or None for key, fate in fates_of.items() if fate in {DONE, DENIED}}
    errors = {key: {"error": "X"} for key, fate in fates_of.items() if fate == REFUSED}
    times = dict.fromkeys(result, TIME)
    parts = {"result": result, "result_error": errors, "result_time": times, "result_total": {}}
    return json.dumps({"result": _php(parts), "time": TIME}).encode()


def _fate(reply):
    match reply:
        case Answer(result=True):
            return DONE
        case Answer(result=None):
            return DENIED
        case Fault(code=faults.MISSING_FROM_ANSWER):
            return LOST
        case _:
            return REFUSED


@given(st.dictionaries(st.from_regex(r"p[1-9][0-9]{0,3}", fullmatch=True), fates, max_size=50))
def test_every_mapping_of_fates_comes_back_as_it_was(fates_of):
    batch = decode_batch(RawAnswer(200, _php_batch(fates_of)), fates_of)

    assert isinstance(batch, BatchAnswer)
    assert {key: _fate(reply) for key, reply in batch.commands.items()} == fates_of


def _cut(start, finish):
    return Timing(PortalEpoch(start), PortalEpoch(finish), finish - start)


def _durations(whole):
    return [answer.timing.duration for answer in whole.commands.values()]


def test_starts_cut_to_whole_seconds_make_no_command_longer_than_it_was():
    # Commands of 0.25 s; the first began at 10.5.
    commands = {
        f"p{place}": Answer(True, _cut(int(10.5 + 0.25 * place), 10.75 + 0.25 * place + 2**-20))
        for place in range(6)
    }
    whole = BatchAnswer(commands, _cut(10, 12.0 + 2**-20))

    narrowed = narrowed_batch(whole, seconds=1.5)

    assert _durations(narrowed) == pytest.approx([0.25] * 6, abs=1e-5)
    assert narrowed.timing.duration == 1.5


def test_a_single_call_lasted_no_longer_than_its_answer_took():
    answer = Answer(True, _cut(10, 10.75))

    assert narrowed_answer(answer, seconds=0.25).timing.duration == 0.25
    assert narrowed_answer(answer, seconds=5.0).timing.duration == 0.75


@pytest.mark.parametrize("timing", [None, _cut(10.5, 10.75), _cut(10, 12)])
def test_times_that_are_not_cut_and_those_that_are_cut_altogether_stay(timing):
    answer = Answer(True, timing)

    assert narrowed_answer(answer, seconds=0.125) == answer
    assert narrowed_batch(BatchAnswer({"p1": answer}, timing), seconds=0.125).commands == {
        "p1": answer
    }


@pytest.mark.parametrize(
    ("timing", "least"), [(_cut(10, 10.75), 0.0), (_cut(10, 12.5), 1.5), (_cut(10.25, 10.75), 0.5)]
)
def test_a_start_that_is_cut_may_have_been_a_second_later(timing, least):
    assert timing.least_duration == least


@pytest.mark.parametrize("code", ["", "0", 0, None, False], ids=repr)
def test_an_error_is_known_by_its_key_and_not_by_its_value(code):
    body = json.dumps({"error": code, "error_description": "No.", "result": True}).encode()

    fault = decode_answer(RawAnswer(200, body))

    assert isinstance(fault, Fault)
    assert isinstance(decode_batch(RawAnswer(200, body), ["p1"]), Fault)
    assert (fault.kind, fault.description) == (FaultClass.PAGE, "No.")


def test_an_error_of_a_command_may_be_empty_too():
    body = json.dumps({"result": {"result": [], "result_error": {"p1": {"error": ""}}}}).encode()

    whole = decode_batch(RawAnswer(200, body), ["p1"])

    assert isinstance(whole.commands["p1"], Fault)


def test_a_refusal_says_when_to_ask_again_where_the_answer_did():
    body = b'{"error": "QUERY_LIMIT_EXCEEDED"}'

    assert decode_answer(RawAnswer(503, body, 7.0)).retry_after == 7.0
    assert decode_answer(RawAnswer(503, body)).retry_after is None
