"""Over a real loopback socket, at virtual speed."""

import asyncio

import aiohttp
import pytest

from bulk_publisher.sandbox import Scenario, ScenarioError, TimedFault, User, serve

PUBLICATION = "landing.landing.publication"
LID = {"lid": 1, "scope": "KNOWLEDGE"}


def quiet(**changes) -> Scenario:
    given = {"pages": 100, "cost": 0.5, "cost_spread": 0.0, "overload": 0.0, **changes}
    return Scenario(**given)


def batch_of(*pages: int) -> dict[str, str]:
    return {f"p{page}": f"{PUBLICATION}?lid={page}&scope=KNOWLEDGE" for page in pages}


async def test_a_page_is_published_over_http(post):
    async with serve(quiet(whole_seconds=False)) as sandbox:
        status, body = await post(sandbox, f"{PUBLICATION}.json", lid=7, scope="KNOWLEDGE")

    assert (status, body["result"]) == (200, True)
    assert body["time"]["duration"] == pytest.approx(0.5, abs=0.01)
    assert dict(sandbox.truth.publications) == {7: 1}


async def test_it_listens_on_loopback_and_tells_its_secret():
    async with serve(quiet(users=[User(id=5, code="hush")])) as sandbox:
        assert sandbox.webhook == f"{sandbox.url}/rest/5/hush/"

    assert sandbox.url.startswith("http://127.0.0.1:")


async def test_method_names_are_read_in_any_case_and_with_a_slash(http):
    async with (
        serve(quiet()) as sandbox,
        http.get(f"{sandbox.webhook}Landing.Landing.PUBLICATION/?lid=3&scope=KNOWLEDGE") as got,
    ):
        assert (await got.json())["result"] is True


async def test_a_body_of_another_type_is_not_read(http):
    async with (
        serve(quiet()) as sandbox,
        http.post(
            f"{sandbox.webhook}batch",
            data=b'{"cmd": {"a": "scope"}}',
            headers={"Content-Type": "text/plain"},
        ) as got,
    ):
        body = await got.json()

    assert got.status == 200
    assert body["result"]["result"] == []


async def test_a_form_is_read_too(http):
    async with (
        serve(quiet()) as sandbox,
        http.post(
            f"{sandbox.webhook}{PUBLICATION}", data={"lid": "4", "scope": "KNOWLEDGE"}
        ) as got,
    ):
        assert (await got.json())["result"] is True


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/rest/1/wrong/scope", 401, "INVALID_CREDENTIALS"),
        ("/rest/scope", 401, "NO_AUTH_FOUND"),
        ("/rest/scope?auth=made-up", 401, "invalid_token"),
    ],
)
async def test_a_bad_credential_is_refused(http, path, status, code):
    async with serve(quiet()) as sandbox, http.get(sandbox.url + path) as got:
        body = await got.json()

    assert (got.status, body["error"]) == (status, code)


async def test_another_path_is_a_plain_404(http):
    async with serve(quiet()) as sandbox, http.get(f"{sandbox.url}/rest/1/x/y/z") as got:
        assert (got.status, got.content_type) == (404, "text/html")


async def test_the_bucket_refuses_what_is_too_much_and_counts_it(post):
    async with serve(quiet(intensity=(3.0, 2.0))) as sandbox:
        statuses = [(await post(sandbox, "server.time"))[0] for _ in range(5)]
        await asyncio.sleep(0.5)
        after, _ = await post(sandbox, "server.time")

    assert statuses == [200, 200, 200, 503, 503]
    assert after == 200
    assert sandbox.truth.refused == {"QUERY_LIMIT_EXCEEDED": 2}
    assert (sandbox.truth.highest_bucket, sandbox.truth.bucket_capacity) == (3.0, 3.0)
    assert (sandbox.truth.requests, sandbox.truth.commands) == (6, 4)


async def test_ten_hours_of_portal_pass_in_seconds(post):
    async with serve(quiet(pages=10, cost=50.0, log=True)) as sandbox:
        began = sandbox.now()
        await post(sandbox, PUBLICATION, **LID)
        await asyncio.sleep(36_000)
        await post(sandbox, PUBLICATION, **LID)

    assert [round(at - began) for at, _, _ in sandbox.truth.log] == [50, 36_100]


async def test_a_request_over_sixty_seconds_is_cut_with_part_of_the_work_done(post, http):
    async with serve(quiet(cost=7.0)) as sandbox:
        began = sandbox.now()
        async with http.post(
            f"{sandbox.webhook}batch", json={"cmd": batch_of(*range(1, 11))}
        ) as got:
            text = await got.text()
        seconds = sandbox.now() - began
        _, body = await post(sandbox, PUBLICATION, lid=50, scope="KNOWLEDGE")

    assert (got.status, got.content_type) == (504, "text/html")
    assert "504 Gateway" in text
    assert seconds == pytest.approx(60.0, abs=0.1)
    assert sorted(sandbox.truth.publications) == [*range(1, 9), 50]
    assert sorted(sandbox.truth.unheard) == [*range(1, 9)]
    assert body["time"]["operating"] == pytest.approx(9 * 7.0, abs=0.1)
    assert sandbox.truth.timeouts == 1


async def test_php_may_go_on_after_the_front_server_gave_up(http):
    async with serve(quiet(cost=7.0, linger=30.0)) as sandbox:
        async with http.post(
            f"{sandbox.webhook}batch", json={"cmd": batch_of(*range(1, 51))}
        ) as got:
            await got.read()
        at_once = len(sandbox.truth.publications)
        await asyncio.sleep(40)

    assert got.status == 504
    assert at_once == 8
    assert dict(sandbox.truth.publications) == dict(sandbox.truth.unheard)
    assert len(sandbox.truth.publications) == 12


async def test_workers_run_out(post):
    async with serve(quiet(php_workers=2, cost=10.0)) as sandbox:
        began = sandbox.now()
        async with asyncio.TaskGroup() as group:
            for page in range(1, 7):
                group.create_task(post(sandbox, PUBLICATION, lid=page, scope="KNOWLEDGE"))
        seconds = sandbox.now() - began

    assert seconds == pytest.approx(30.0, abs=0.1)
    assert sandbox.truth.most_at_once == 6


async def test_who_waits_for_a_worker_past_the_timeout_gets_a_504_and_nothing_done(http):
    async with serve(quiet(php_workers=1, cost=59.0)) as sandbox:

        async def publish(page: int) -> int:
            body = {"lid": page, "scope": "KNOWLEDGE"}
            async with http.post(sandbox.webhook + PUBLICATION, json=body) as got:
                return got.status

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(publish(page)) for page in (1, 2, 3)]

    assert sorted(task.result() for task in tasks) == [200, 504, 504]
    assert len(sandbox.truth.publications) == 1


async def test_an_overloaded_portal_is_slower(post):
    async with serve(quiet(php_workers=4, cost=1.0, overload=3.0)) as sandbox:
        began = sandbox.now()
        await post(sandbox, PUBLICATION, **LID)
        alone = sandbox.now() - began
        async with asyncio.TaskGroup() as group:
            for page in range(2, 6):
                group.create_task(post(sandbox, PUBLICATION, lid=page, scope="KNOWLEDGE"))
        together = sandbox.now() - began - alone

    assert alone == pytest.approx(1.0, abs=0.01)
    assert together > 2.0


async def test_costs_are_drawn_by_a_seed(post):
    async def costs(seed: int) -> float:
        scenario = quiet(cost_spread=0.5, seed=seed, whole_seconds=False)
        async with serve(scenario) as sandbox:
            _, body = await post(sandbox, PUBLICATION, **LID)
        return round(body["time"]["duration"], 3)

    assert await costs(1) == await costs(1) != await costs(2)


# -- oauth ---------------------------------------------------------------------------------


async def call_with(http, sandbox, token: str) -> dict:
    body = {"auth": token, **LID}
    async with http.post(f"{sandbox.oauth.client_endpoint}{PUBLICATION}", json=body) as got:
        return await got.json()


async def refresh(http, sandbox, token: str, **changes: str) -> dict:
    app = sandbox.oauth
    query = {
        "grant_type": "refresh_token",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "refresh_token": token,
        **changes,
    }
    async with http.get(app.token_url, params=query) as got:
        return await got.json()


async def test_a_token_expires_and_is_refreshed_once(http):
    async with serve(quiet()) as sandbox:
        old = sandbox.oauth.refresh_token
        first = await call_with(http, sandbox, sandbox.oauth.access_token)
        await asyncio.sleep(3600)
        late = await call_with(http, sandbox, sandbox.oauth.access_token)
        new = await refresh(http, sandbox, old)
        again = await refresh(http, sandbox, old)
        fresh = await call_with(http, sandbox, new["access_token"])

    assert first["result"] is True
    assert late["error"] == "expired_token"
    assert new["refresh_token"] != old
    assert new["client_endpoint"] == f"{sandbox.url}/rest/"
    assert again["error"] == "invalid_grant"
    assert fresh["result"] is True
    assert sandbox.truth.refreshes == 1
    assert sandbox.truth.highest_meter == {f"oauth:{PUBLICATION}": pytest.approx(0.5, abs=0.01)}


async def test_a_bearer_header_carries_a_token_too(http):
    async with serve(quiet()) as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.oauth.access_token}"}
        async with http.get(f"{sandbox.url}/rest/app.info", headers=headers) as got:
            body = await got.json()

    assert body["result"]["LICENSE"] == "ru_std"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"grant_type": "password"}, "invalid_request"),
        ({"client_secret": "x"}, "invalid_client"),
        ({"refresh_token": "x"}, "invalid_grant"),
    ],
    ids=str,
)
async def test_a_bad_refresh_is_refused(http, changes, code):
    async with serve(quiet()) as sandbox:
        answer = await refresh(http, sandbox, sandbox.oauth.refresh_token, **changes)

    assert answer["error"] == code
    assert sandbox.truth.refreshes == 0


async def test_a_token_can_be_made_to_expire(http):
    async with serve(quiet()) as sandbox:
        sandbox.expire_token()
        body = await call_with(http, sandbox, sandbox.oauth.access_token)

    assert body["error"] == "expired_token"


# -- faults --------------------------------------------------------------------------------


async def outcome(http, sandbox) -> str:
    """What a careful client makes of one publication."""
    try:
        async with asyncio.timeout(75):
            async with http.post(
                sandbox.webhook + PUBLICATION, json=LID, allow_redirects=False
            ) as got:
                body = await got.read()
                kind = got.content_type
    except TimeoutError:
        return "timeout"
    except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, OSError) as error:
        return type(error).__name__
    end = "complete" if body.endswith((b"}", b"\n")) else "cut"
    return f"{got.status} {kind} {end}"


@pytest.mark.parametrize(
    ("fault", "seen", "is_done"),
    [
        ("html502", {"502 text/html complete"}, False),
        ("html503", {"503 text/html complete"}, False),
        ("html504", {"504 text/html complete"}, False),
        ("html504_after", {"504 text/html complete"}, True),
        ("json500", {"500 application/json complete"}, False),
        ("json500_after", {"500 application/json complete"}, True),
        ("connection_error", {"401 application/json complete"}, False),
        ("overload_limit", {"503 application/json complete"}, False),
        ("payment", {"401 application/json complete"}, False),
        ("moved", {"302 text/html complete"}, False),
        ("forbidden", {"403 text/html complete"}, False),
        ("reset", {"ClientOSError", "ServerDisconnectedError"}, False),
        ("reset_after", {"ClientOSError", "ServerDisconnectedError"}, True),
        ("cut_json", {"200 application/json cut"}, True),
        ("cut_body", {"ClientPayloadError"}, True),
        ("hang", {"timeout"}, False),
        ("hang_after", {"timeout"}, True),
        ("slow_bytes", {"200 application/json complete"}, True),
        ("wrong_type", {"200 text/html complete"}, True),
        ("bad_gzip", {"ClientPayloadError"}, True),
        ("empty", {"200 application/json cut"}, True),
        ("wrong_encoding", {"200 application/json complete"}, True),
        ("system_error", {"400 application/json complete"}, False),
        ("fatal", {"500 text/html complete"}, False),
    ],
)
async def test_a_fault_shows_and_the_truth_knows_what_was_done(http, fault, seen, is_done):
    async with serve(quiet(faults={fault: 1.0})) as sandbox:
        found = await outcome(http, sandbox)

    assert found in seen
    assert bool(sandbox.truth.publications) is is_done
    assert bool(sandbox.truth.unheard) is (is_done and fault not in {"slow_bytes", "wrong_type"})
    assert sandbox.truth.faults[fault] >= 1


async def test_a_command_may_come_back_in_neither_map(post):
    async with serve(quiet(faults={"lost_key": 1.0})) as sandbox:
        _, body = await post(sandbox, "batch", cmd=batch_of(1))

    assert body["result"]["result"] == body["result"]["result_error"] == []
    assert dict(sandbox.truth.unheard) == {1: 1}
    assert list(sandbox.truth.publications) == [1]


async def test_faults_hit_as_often_as_asked(post):
    async with serve(quiet(plan="self-hosted", faults={"json500": 0.25})) as sandbox:
        statuses = [(await post(sandbox, "server.time"))[0] for _ in range(400)]

    assert 70 < statuses.count(500) < 130
    assert sandbox.truth.faults == {"json500": statuses.count(500)}


async def test_a_script_says_when_something_goes_wrong(http):
    script = [TimedFault(at=10, fault="html503", seconds=20)]
    async with serve(quiet(script=script)) as sandbox:
        before = await outcome(http, sandbox)
        await asyncio.sleep(12)
        amid = await outcome(http, sandbox)
        await asyncio.sleep(20)
        after = await outcome(http, sandbox)

    good = "200 application/json complete"
    assert [before, amid, after] == [good, "503 text/html complete", good]


async def test_a_deploy_drops_every_connection_and_stops_the_work(http):
    script = [TimedFault(at=10, fault="deploy")]
    async with serve(quiet(cost=4.0, script=script)) as sandbox:
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await http.post(f"{sandbox.webhook}batch", json={"cmd": batch_of(*range(1, 10))})
        seconds = sandbox.now() - sandbox.started_at
        await asyncio.sleep(60)
        again = await outcome(http, sandbox)

    assert seconds == pytest.approx(10.0, abs=0.1)
    assert sorted(sandbox.truth.publications) == [1, 2]
    assert again == "200 application/json complete"


async def test_connections_are_refused_for_a_while(http):
    script = [TimedFault(at=10, fault="refuse", seconds=30)]
    async with serve(quiet(script=script)) as sandbox:
        webhook = sandbox.webhook
        await asyncio.sleep(11)
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.post(webhook + PUBLICATION, json=LID)
        await asyncio.sleep(30)
        after = await outcome(http, sandbox)

    assert sandbox.webhook == webhook
    assert after == "200 application/json complete"


async def test_two_sandboxes_run_side_by_side(post):
    async with serve(quiet()) as one, serve(quiet()) as other:
        await post(one, PUBLICATION, **LID)

    assert len(one.truth.publications) == 1
    assert not other.truth.publications


async def test_a_clock_of_ones_own_is_taken(post):
    async with serve(quiet(), clock=lambda: 1_800_000_000.0) as sandbox:
        _, body = await post(sandbox, "server.time")

    assert body["result"] == "2027-01-15T08:00:00+00:00"


async def test_a_start_of_its_own_makes_a_run_repeat(post):
    async with serve(quiet(starts_at=1_800_000_000.0)) as sandbox:
        await asyncio.sleep(90)
        _, body = await post(sandbox, "server.time")

    assert body["result"] == "2027-01-15T08:01:30+00:00"


async def test_who_hangs_up_does_not_stop_the_work(http):
    async with serve(quiet(cost=5.0)) as sandbox:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(7):
                await http.post(f"{sandbox.webhook}batch", json={"cmd": batch_of(1, 2, 3)})
        await asyncio.sleep(20)

    assert sorted(sandbox.truth.publications) == [1, 2, 3]


async def test_it_serves_nobody_but_this_machine():
    with pytest.raises(ScenarioError, match="loopback only"):
        async with serve(quiet(), host="0.0.0.0"):
            pass


async def test_a_script_may_break_single_commands(post):
    script = [
        TimedFault(at=0, fault="system_error", seconds=5),
        TimedFault(at=5, fault="fatal", seconds=5),
    ]
    async with serve(quiet(script=script)) as sandbox:
        first, error = await post(sandbox, PUBLICATION, **LID)
        await asyncio.sleep(10)
        second, _ = await post(sandbox, PUBLICATION, **LID)

    assert (first, error["error"], second) == (400, "SYSTEM_ERROR", 200)
    assert sandbox.truth.faults == {"system_error": 1}


async def test_a_share_of_a_scripted_fault_leaves_the_rest_alone(post):
    script = [TimedFault(at=0, fault="json500", seconds=5000, share=0.5)]
    async with serve(quiet(plan="self-hosted", script=script)) as sandbox:
        statuses = [(await post(sandbox, "server.time"))[0] for _ in range(100)]

    assert 30 < statuses.count(500) < 70


async def test_the_network_takes_its_time_without_being_charged(post):
    async with serve(quiet(cost=1.0, latency=2.0)) as sandbox:
        began = sandbox.now()
        _, body = await post(sandbox, PUBLICATION, **LID)
        seconds = sandbox.now() - began

    assert seconds == pytest.approx(3.0, abs=0.1)
    assert body["time"]["operating"] == pytest.approx(1.0, abs=0.01)


async def test_a_portal_may_refuse_everything(post):
    async with serve(quiet(envelope_error="PORTAL_DELETED", envelope_status=403)) as sandbox:
        status, body = await post(sandbox, PUBLICATION, **LID)

    assert (status, body["error"]) == (403, "PORTAL_DELETED")
    assert sandbox.truth.errors == {"PORTAL_DELETED": 1}
