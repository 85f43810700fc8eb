"""The options of the page: what they mean, and what is refused."""

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.errors import BadSetting
from bulk_publisher.web.guard.hosts import is_ours
from bulk_publisher.web.place import web_place


@pytest.mark.parametrize(
    ("web", "host", "is_loopback", "hosts"),
    [
        ("127.0.0.1:8080", "127.0.0.1", True, {"127.0.0.1", "localhost"}),
        ("localhost:1", "localhost", True, {"localhost"}),
        ("[::1]:8080", "::1", True, {"::1", "localhost"}),
        ("10.0.0.5:65535", "10.0.0.5", False, {"10.0.0.5"}),
        ("[2001:DB8::5]:80", "2001:db8::5", False, {"2001:db8::5"}),
    ],
)
def test_an_address_names_itself(web: str, host: str, is_loopback: bool, hosts: set[str]) -> None:
    place = web_place(web)

    assert (place.host, place.is_loopback, place.hosts) == (host, is_loopback, hosts)


@pytest.mark.parametrize(
    "web",
    ["", "8080", ":8080", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "example.com:80", "[::1]", "::1:80", "http://127.0.0.1:80", "127.0.0.1:80/", "127.0.0.1:8o"],
)  # fmt: skip
def test_what_is_no_address_with_a_port_is_refused(web: str) -> None:
    with pytest.raises(BadSetting, match=r"^--web "):
        web_place(web)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"web": "0.0.0.0:80"}, "--web 0.0.0.0:80: nobody is told under which name"),
        ({"hosts": ["http://example.com"]}, "--web-host a URL: that is no host name"),
        ({"hosts": ["example.com:80"]}, "--web-host 'example.com:80'"),
        ({"hosts": [""]}, "--web-host ''"),
        ({"proxies": ["10.0.0.1/8"]}, "--web-proxy '10.0.0.1/8': that is no network"),
        ({"proxies": ["proxy"]}, "--web-proxy 'proxy'"),
        ({"user_header": "X-User"}, "--web-user-header needs --web-proxy"),
        ({"user_header": "Host", "proxies": ["10.0.0.1"]}, "--web-user-header 'Host'"),
        ({"user_header": "X User", "proxies": ["10.0.0.1"]}, "--web-user-header 'X User'"),
        ({"steerers": ["anna"]}, "--web-steer needs --web-user-header"),
        ({"steerers": ["a\nb"], "user_header": "X-User", "proxies": ["::1"]}, "--web-steer"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_what_does_not_fit_together_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSetting) as error:
        web_place(**{"web": "127.0.0.1:8080", **options})

    assert error.value.message.startswith(said)
    assert "\n" not in error.value.message


def test_a_page_behind_a_proxy() -> None:
    place = web_place(
        "127.0.0.1:8080",
        hosts=["Publisher.Example.COM."],
        proxies=["10.0.0.0/24", "::1"],
        user_header="X-Forwarded-User",
        steerers=["anna@example.com"],
    )

    assert "publisher.example.com" in place.hosts
    assert place.proxies == (ip_network("10.0.0.0/24"), ip_network("::1"))
    assert place.steerers == {"anna@example.com"}


@given(st.text(max_size=40))
def test_no_text_names_us_but_our_names(text: str) -> None:
    if is_ours(text, {"example.com", "127.0.0.1", "::1"}):
        name = text.lower().rpartition(":")[0] if text[-1:].isdigit() and ":" in text.rpartition("]")[2] else text.lower()  # fmt: skip
        assert name.strip("[]").removesuffix(".") in {"example.com", "127.0.0.1", "::1"}


@given(
    st.sampled_from(
        ["example.com", "EXAMPLE.com", "example.com.", "127.0.0.1", "[::1]", "[0:0::1]"]
    ),
    st.none() | st.integers(0, 65_535),
)
def test_our_names_are_ours_with_any_port(name: str, port: int | None) -> None:
    host = name if port is None else f"{name}:{port}"

    assert is_ours(host, {"example.com", "127.0.0.1", "::1"})
    assert not is_ours(f"evil.{host}", {"example.com", "127.0.0.1", "::1"})
    assert not is_ours(f"{name}.evil.example", {"example.com", "127.0.0.1", "::1"})
