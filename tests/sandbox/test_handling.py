import json

import pytest

from bulk_publisher.sandbox.calls import Credential
from bulk_publisher.sandbox.handling import Handling, perform
from bulk_publisher.sandbox.scenario import Site, User

PUBLICATION = "landing.landing.publication"
NESTED = f"nested:{PUBLICATION}"


def test_an_empty_map_is_an_empty_list(core):
    answer = core(pages=3).batch(1, 2)

    assert answer["result_error"] == []
    assert answer["result_total"] == []
    assert answer["result_next"] == []


def test_results_under_counting_keys_come_as_a_list(core):
    portal = core(pages=3)

    cmd = [f"{PUBLICATION}?lid={page}&scope=KNOWLEDGE" for page in (1, 2, 77)]
    answer = portal.result("batch", cmd=cmd)

    assert answer["result"] == [True, True]
    assert list(answer["result_error"]) == ["2"]


def test_a_failed_command_has_no_time(core):
    answer = core(pages=3, missing_pages=[2]).batch(1, 2)

    assert list(answer["result_time"]) == ["p1"]
    assert answer["result_error"]["p2"]["error"] == "LANDING_NOT_EXIST"


def test_a_null_stays_in_the_results_of_a_batch(core):
    answer = core(pages=3, denied_pages=[2]).batch(1, 2)

    assert answer["result"] == {"p1": True, "p2": None}
    assert "p2" in answer["result_time"]


def test_the_scope_leaks_to_the_next_command(core):
    portal = core(pages=3)

    cmd = {"a": f"{PUBLICATION}?lid=1&scope=KNOWLEDGE", "b": f"{PUBLICATION}?lid=2"}
    cmd |= {"c": f"{PUBLICATION}?lid=3&scope=PAGE", "d": f"{PUBLICATION}?lid=3"}
    answer = portal.result("batch", cmd=cmd)

    assert list(answer["result"]) == ["a", "b"]
    assert list(answer["result_error"]) == ["c", "d"]


def test_the_scope_does_not_leak_to_the_next_request(core):
    portal = core(pages=3)
    portal.publish(1)

    assert portal.error(PUBLICATION, lid=2) == "LANDING_NOT_EXIST"


def test_commands_beyond_fifty_are_refused_one_by_one(core):
    portal = core(pages=60)

    answer = portal.batch(*range(1, 53))

    assert len(answer["result"]) == 50
    codes = {key: error["error"] for key, error in answer["result_error"].items()}
    assert codes == dict.fromkeys(["p51", "p52"], "ERROR_BATCH_LENGTH_EXCEEDED")


def test_a_command_that_is_no_text_is_skipped_silently(core):
    answer = core(pages=3).result("batch", cmd={"a": {"method": "scope"}, "b": "scope"})

    assert answer["result"] == {"b": ["landing"]}
    assert answer["result_error"] == []


@pytest.mark.parametrize("params", [{}, {"cmd": []}, {"cmd": "scope"}], ids=str)
def test_a_batch_of_nothing_answers_with_empty_maps(core, params):
    answer = core(pages=1).result("batch", **params)

    assert set(map(str, answer.values())) == {"[]"}


def test_halt_stops_at_the_first_error_even_when_it_says_false(core):
    portal = core(pages=3)

    answer = portal.result("batch", halt="false", CMD={"a": "nope", "b": "scope"})

    assert answer["result"] == []
    assert list(answer["result_error"]) == ["a"]


def test_a_batch_inside_a_batch_is_refused(core):
    answer = core(pages=3).result("batch", cmd={"a": "batch?cmd[b]=scope"})

    assert answer["result_error"]["a"]["error"] == "ERROR_BATCH_METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("refusal", "status"), [("envelope", 405), ("commands", 200)], ids=["envelope", "commands"]
)
def test_a_portal_may_refuse_batches(core, refusal, status):
    portal = core(pages=3, batch_allowed=False, batch_refusal=refusal)

    got, body = portal.ask("batch", cmd={"a": f"{PUBLICATION}?lid=1&scope=KNOWLEDGE"})

    assert got == status
    assert "ERROR_BATCH_METHOD_NOT_ALLOWED" in json.dumps(body)
    assert not portal.truth.publications


def test_a_result_is_put_into_a_later_command(core):
    portal = core(pages=3)

    cmd = {
        "list": "landing.landing.getList?scope=KNOWLEDGE&params[select][]=ID&params[limit]=1",
        "up": f"{PUBLICATION}?lid=$result[list][0][ID]",
    }
    portal.result("batch", cmd=cmd)

    assert list(portal.truth.publications) == [1]


def test_a_fatal_error_loses_the_answer_but_not_the_work(core):
    portal = core(pages=5, fatal_pages=[3])

    cmd = {f"p{page}": f"{PUBLICATION}?lid={page}&scope=KNOWLEDGE" for page in range(1, 6)}
    status, body = portal.ask("batch", cmd=cmd)

    assert status == 500
    assert body.startswith(b"<html>")
    assert sorted(portal.truth.publications) == sorted(portal.truth.unheard) == [1, 2]


def test_a_late_fatal_error_comes_when_its_page_is_online(core):
    portal = core(pages=5, late_fatal_pages=[3])

    cmd = {f"p{page}": f"{PUBLICATION}?lid={page}&scope=KNOWLEDGE" for page in range(1, 6)}
    status, _ = portal.ask("batch", cmd=cmd)

    assert status == 500
    assert sorted(portal.truth.publications) == [1, 2, 3]


@pytest.mark.parametrize(
    ("method", "status", "code"),
    [
        ("landing.nope", 404, "ERROR_METHOD_NOT_FOUND"),
        ("landing.site.getlist", 401, "insufficient_scope"),
    ],
    ids=["unknown", "scope"],
)
def test_what_a_credential_cannot_call_is_refused(core, method, status, code):
    got, body = core(pages=1, rest_scopes=["user"]).ask(method)

    assert (got, body["error"]) == (status, code)


# -- billing -------------------------------------------------------------------------------


def batch_time(portal, *pages):
    cmd = {f"p{page}": f"{PUBLICATION}?lid={page}&scope=KNOWLEDGE" for page in pages}
    _, body = portal.ask("batch", cmd=cmd)
    return body["time"], body["result"]["result_time"]


def test_by_method_each_command_pays_and_batch_does_not(core):
    portal = core(pages=9, cost=1.0)

    envelope, commands = batch_time(portal, 1, 2, 3)
    single = portal.publish(4)[1]["time"]

    assert envelope["operating"] == 0
    assert [time["operating"] for time in commands.values()] == [1, 2, 3]
    assert single["operating"] == 4
    assert portal.truth.highest_meter == {PUBLICATION: 4}


def test_by_batch_the_inner_method_reads_nothing(core):
    portal = core(pages=9, cost=1.0, billing="batch")
    batch_time(portal, 1, 2)

    envelope, commands = batch_time(portal, 3, 4)
    single = portal.publish(5)[1]["time"]

    assert envelope["operating"] == 4
    assert [time["operating"] for time in commands.values()] == [2, 2]
    assert single["operating"] == 1
    assert portal.truth.highest_meter == {"batch": 4, PUBLICATION: 1}


def test_by_both_batch_pays_half_and_commands_have_a_meter_of_their_own(core):
    portal = core(pages=9, cost=1.0, billing="both")
    batch_time(portal, 1, 2)

    envelope, commands = batch_time(portal, 3, 4)
    single = portal.publish(5)[1]["time"]

    assert envelope["operating"] == 2
    assert [time["operating"] for time in commands.values()] == [3, 4]
    assert single["operating"] == 1
    assert portal.truth.highest_meter == {"batch": 2, NESTED: 4, PUBLICATION: 1}


def test_with_oauth_single_calls_and_commands_share_a_meter(core):
    portal = core(pages=9, cost=1.0, billing="both")
    portal.kind = "oauth"
    batch_time(portal, 1, 2)

    assert portal.publish(3)[1]["time"]["operating"] == 3


def test_each_webhook_has_meters_of_its_own(core):
    portal = core(pages=9, cost=1.0, users=[User(id=1), User(id=2)])
    portal.publish(1)
    portal.user = portal.portal.users[1]

    assert portal.publish(2)[1]["time"]["operating"] == 1
    assert portal.truth.highest_meter == {PUBLICATION: 1, f"webhook2:{PUBLICATION}": 1}


def test_failures_inflate_the_bill_of_a_batch(core):
    portal = core(pages=20, cost=1.0, missing_pages=[1, 2, 3], failure_cost=0.0625)

    portal.batch(*range(1, 11))

    # Three quick failures: each of the seven successes is charged from a start three before.
    assert portal.truth.highest_meter[PUBLICATION] > 18


def test_the_call_that_crosses_the_limit_completes_and_the_next_is_blocked(core):
    portal = core(pages=9, cost=6.0, operating_limit=10)

    assert [portal.publish(page)[0] for page in (1, 2, 3)] == [200, 200, 429]
    status, body = portal.publish(4)
    assert (status, body["error"]) == (429, "OPERATION_TIME_LIMIT")
    assert set(body) == {"error", "error_description"}
    assert portal.truth.refused == {"OPERATION_TIME_LIMIT": 2}


def test_a_batch_is_blocked_in_its_middle(core):
    portal = core(pages=9, cost=4.0, operating_limit=10)

    answer = portal.batch(1, 2, 3, 4, 5)

    assert list(answer["result"]) == ["p1", "p2", "p3"]
    codes = {error["error"] for error in answer["result_error"].values()}
    assert codes == {"OPERATION_TIME_LIMIT"}
    assert portal.truth.refused == {"OPERATION_TIME_LIMIT": 2}


def test_other_methods_go_on_while_one_is_blocked(core):
    portal = core(pages=9, cost=20.0, operating_limit=10)
    portal.publish(1)

    assert portal.publish(2)[0] == 429
    assert len(portal.rows(select=["ID"])) == 9


def test_a_ban_ends_after_300_seconds_with_empty_baskets(core):
    portal = core(pages=9, cost=20.0, operating_limit=10, ban=True)
    portal.publish(1)
    portal.publish(2)
    banned_at = portal.now

    portal.now = banned_at + 299
    assert portal.publish(3)[0] == 429
    portal.now = banned_at + 300
    assert portal.publish(3)[1]["time"]["operating"] == 20


@pytest.mark.parametrize(
    ("scenario", "shown"),
    [
        ({}, ["operating", "operating_reset_at"]),
        ({"plan": "self-hosted"}, []),
        ({"counters": "absent"}, []),
        ({"counters": "request"}, ["operating"]),
        ({"plan": "self-hosted", "operating_limit": 420}, ["operating", "operating_reset_at"]),
    ],
    ids=str,
)
def test_counters_show_as_the_portal_likes(core, scenario, shown):
    _, body = core(pages=1, **scenario).publish(1)

    assert sorted(key for key in body["time"] if key.startswith("operating")) == shown


def test_a_limiter_may_block_without_showing_its_counters(core):
    portal = core(pages=3, cost=20.0, operating_limit=10, counters="absent")
    portal.publish(1)

    assert portal.publish(2)[0] == 429


def test_a_clock_that_is_off_moves_times_and_resets(core):
    right, wrong = core(pages=1), core(pages=1, clock_offset=-90.0)

    _, expected = right.publish(1)
    _, body = wrong.publish(1)

    assert body["time"]["start"] == expected["time"]["start"] - 90
    assert body["time"]["operating_reset_at"] == expected["time"]["operating_reset_at"] - 90


def test_newer_portals_cut_the_start_to_a_whole_second_and_tell_no_processing(core):
    portal = core(pages=1, cost=0.75, whole_seconds=True)
    portal.now += 0.5

    time = portal.publish(1)[1]["time"]

    assert isinstance(time["start"], int)
    assert (time["finish"] - time["start"], time["duration"], time["processing"]) == (1.25, 1.25, 0)


def test_a_batch_that_is_refused_as_a_whole_counts_as_refused(core):
    portal = core(pages=9, cost=30.0, operating_limit=10, billing="both", ban=True)
    portal.batch(1)

    status, body = portal.ask("batch", cmd={"p2": f"{PUBLICATION}?lid=2&scope=KNOWLEDGE"})

    assert (status, body["error"]) == (429, "OPERATION_TIME_LIMIT")
    assert portal.truth.refused == {"OPERATION_TIME_LIMIT": 1}


def test_another_program_spends_from_the_same_meter(core):
    portal = core(pages=9, cost=1.0, tenant_operating=0.5)
    portal.now += 200

    assert portal.publish(1)[1]["time"]["operating"] == pytest.approx(101)


def test_a_site_is_seen_by_its_right(core):
    sites = [Site(pages=1), Site(pages=1, has_public_right=False), Site(has_read_right=False)]
    portal = core(sites=sites)

    rights = [
        portal.result("landing.site.getRights", id=site, scope="KNOWLEDGE") for site in (1, 2, 3)
    ]

    assert ["public" in right for right in rights] == [True, False, False]
    assert rights[2] == []


def test_a_plan_without_rights_has_none_to_tell(core):
    portal = core(pages=1, rights_model=False)

    assert portal.error("landing.site.getRights", id=1, scope="KNOWLEDGE") == "FEATURE_NOT_AVAIL"
    assert portal.publish(1)[1]["result"] is True


def test_a_null_may_be_missing_from_a_batch(core):
    answer = core(pages=3, denied_pages=[2], nulls_dropped=True).batch(1, 2)

    assert answer["result"] == {"p1": True}
    assert answer["result_error"] == []


def answer_of(portal, **params):
    credential = Credential(portal.kind, f"webhook{portal.user.id}", portal.user)
    handling = Handling(portal.portal, PUBLICATION, params, credential, now=portal.now)
    return perform(handling)[0]


@pytest.mark.parametrize("page", [1, 99], ids=["good", "an error"])
def test_the_cloud_tells_its_seconds_in_headers_too(core, page):
    answer = answer_of(core(pages=3, cost=0.5), lid=page, scope="KNOWLEDGE")

    assert sorted(answer.headers) == [
        "X-Bitrix-Rest-System-Time",
        "X-Bitrix-Rest-Time",
        "X-Bitrix-Rest-User-Time",
    ]
    assert float(answer.headers["X-Bitrix-Rest-Time"]) == (0.5 if page == 1 else 0.0)


def test_self_hosted_portals_and_front_servers_add_no_headers(core):
    fatal = core(pages=3, fatal_pages=[1])

    assert not answer_of(core(pages=3, plan="self-hosted"), lid=1, scope="KNOWLEDGE").headers
    assert not answer_of(fatal, lid=1, scope="KNOWLEDGE").headers


def test_app_info_may_be_refused_alone(core):
    portal = core(app_info="refused")

    status, body = portal.ask("app.info")

    assert (status, body["error"]) == (403, "ACCESS_DENIED")
    assert portal.result("scope") == ["landing"]
