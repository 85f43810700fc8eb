"""The pure parts of the guard: proxies, forms, wrong tokens."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.model import Mono
from bulk_publisher.web.filters import count, duration, finalized, lines, percent, when
from bulk_publisher.web.guard.forms import form_token, is_form_token, is_from_elsewhere
from bulk_publisher.web.guard.login_rate import MOST_IN_ALL, MOST_OF_ONE, WINDOW, LoginRate
from bulk_publisher.web.guard.proxies import client_of, is_trusted
from bulk_publisher.web.guard.roles import Role

PROXIES = (ip_network("10.0.0.0/24"), ip_network("::1"))


@pytest.mark.parametrize(
    ("remote", "ways", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        (None, ["203.0.113.9"], "unknown"),
    ],
)
def test_a_client_is_the_last_one_that_is_no_proxy_of_ours(
    remote: str | None, ways: list[str], client: str
) -> None:
    assert client_of(remote, ways, PROXIES) == client


@given(st.text() | st.none(), st.lists(st.text(), max_size=5))
def test_who_is_no_proxy_is_the_client_whatever_it_says(
    remote: str | None, ways: list[str]
) -> None:
    if not is_trusted(remote, PROXIES):
        assert client_of(remote, ways, PROXIES) == (remote or "unknown")


@given(st.binary(min_size=32, max_size=32), st.text(), st.text(), st.text())
def test_a_form_is_of_whom_it_was_made_for(secret: bytes, key: str, other: str, given: str) -> None:
    token = form_token(secret, key)

    assert is_form_token(token, secret, key)
    if other.encode("utf-8", "replace") != key.encode("utf-8", "replace"):
        assert not is_form_token(token, secret, other)
    if given != token:
        assert not is_form_token(given, secret, key)


@pytest.mark.parametrize(
    ("origin", "is_https", "is_refused"),
    [
        ("https://example.com", True, False),
        ("https://EXAMPLE.com", True, False),
        ("http://example.com", True, True),
        ("http://example.com", False, False),
        ("https://example.com", False, False),
        ("https://example.com:444", True, True),
        ("https://example.com.evil.example", True, True),
        ("null", True, True),
        ("", True, True),
    ],
)
def test_an_origin_is_ours_or_refused(origin: str, is_https: bool, is_refused: bool) -> None:
    headers = {"Origin": origin}

    assert is_from_elsewhere(headers, host="example.com", is_https=is_https) is is_refused


# wrong tokens


@given(
    st.lists(
        st.tuples(st.floats(0, 2000), st.sampled_from(["10.0.0.1", "10.0.0.2", "::1"])), max_size=60
    )
)
def test_wrong_tokens_are_as_many_as_may_be(steps: list[tuple[float, str]]) -> None:
    """Against a plain list of all that was entered."""
    rate, now, entered = LoginRate(), 0.0, list[tuple[float, str]]()
    for pause, address in steps:
        now += pause
        of_late = [one for at, one in entered if at + WINDOW > now]
        may = of_late.count(address) < MOST_OF_ONE and len(of_late) < MOST_IN_ALL
        assert (rate.wait(address, now=Mono(now)) == 0.0) is may
        if may:
            rate.on_wrong(address, now=Mono(now))
            entered.append((now, address))


def test_one_network_of_ipv6_is_one_address() -> None:
    rate = LoginRate()
    for number in range(MOST_OF_ONE):
        rate.on_wrong(f"2001:db8::{number}", now=Mono(0.0))

    assert rate.wait("2001:db8::ffff", now=Mono(1.0)) == WINDOW - 1
    assert rate.wait("2001:db8:0:1::1", now=Mono(1.0)) == 0.0


def test_who_may_steer_may_see() -> None:
    assert [[role.covers(needed) for needed in Role] for role in Role] == [
        [True, False],
        [True, True],
    ]


# what templates write


@given(st.text())
def test_no_text_leaves_with_signs_that_turn_its_direction(text: str) -> None:
    shown = str(finalized(text + "\u202e\u200b\x1b[0m"))

    assert not {"\u202e", "\u200b", "\x1b", "\x00"} & set(shown)


def test_numbers_and_moments_as_people_write_them() -> None:
    from zoneinfo import ZoneInfo

    berlin = ZoneInfo("Europe/Berlin")

    assert (count(20000), count(None), percent(0.5), duration(250)) == (
        "20,000",
        "–",
        "50 %",
        "4 min 10 s",
    )
    assert when(1_795_777_200.0, berlin) == (
        '<time datetime="2026-11-27T11:00:00.000Z" title="2026-11-27 12:00:00 CET">27 Nov 12:00</time>'
    )
    assert when(1e30, berlin) == when(None, berlin) == "–"
    assert lines("a <b>\n\u202ec") == "a &lt;b&gt;<br> c"
    assert finalized(None) == ""
