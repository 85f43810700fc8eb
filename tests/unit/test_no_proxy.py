"""Which hosts are reached without the proxy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.portal.no_proxy import is_exempt

HOLDS = [
    ("portal.corp.local", "portal.corp.local"),
    ("portal.corp.local", "corp.local"),
    ("portal.corp.local", ".corp.local"),
    ("portal.corp.local", "*.corp.local"),
    ("corp.local", ".corp.local"),
    ("a.b.corp.local", "*.corp.local"),
    ("portal.corp.local", "PORTAL.Corp.LOCAL"),
    ("PORTAL.corp.local", "corp.local."),
    ("portal.corp.local.", "corp.local"),
    ("portal.corp.local", "portal.corp.local:443"),
    ("portal.corp.local", ".corp.local:443"),
    ("portal.corp.local", "*.corp.local:443"),
    ("portal.corp.local", "localhost,*"),
    ("portal.corp.local", "*"),
    ("portal.corp.local", "localhost 127.0.0.1\tcorp.local"),
    ("portal.corp.local", "localhost , corp.local ,"),
    ("portal.corp.local", "10.0.0.0/8,corp.local"),
    ("10.1.2.3", "10.0.0.0/8"),
    ("10.1.2.3", "10.9.9.9/8"),
    ("10.1.2.3", "10.1.2.3"),
    ("10.1.2.3", "10.1.2.3:443"),
    ("::ffff:10.1.2.3", "10.0.0.0/8"),
    ("10.1.2.3", "::ffff:10.1.2.3"),
    ("fd00::1", "fd00::1"),
    ("fd00::1", "[fd00::1]"),
    ("fd00::1", "[fd00::1]:443"),
    ("fd00::1", "FD00:0:0::1"),
    ("fd00::1", "fd00::/8"),
    ("fd00::1", "[fd00::]/8,fd00::/8"),
    ("xn--80aswg.xn--p1ai", "сайт.рф"),
]

HOLDS_NOT = [
    ("portal.corp.local", ""),
    ("portal.corp.local", " , ,"),
    ("portal.corp.local", "."),
    ("portal.corp.local", "*."),
    ("portal.corp.local", ":443"),
    ("portal.corp.local", "orp.local"),
    ("portal.corp.local", "other.corp.local"),
    ("corp.local", "*.corp.local"),
    ("corp.local", "portal.corp.local"),
    ("portal.corp.local", "portal.corp.local:8443"),
    ("portal.corp.local", "portal.corp.local:99999"),
    ("portal.corp.local", "*corp"),
    ("portal.corp.local", "0.0.0.0/0"),
    ("11.1.2.3", "10.0.0.0/8"),
    ("10.1.2.3", "2.3"),
    ("10.1.2.3", "10.1.2.3:80"),
    ("10.1.2.3", "10.0.0.0/33"),
    ("10.1.2.3", "fd00::/8"),
    ("fd00::1", "fd00::2"),
    ("fe80::1", "fd00::/8"),
    ("fd00::1", "10.0.0.0/8"),
    ("fd00::1", "[fd00::1]:8443"),
]


@pytest.mark.parametrize(("host", "no_proxy"), HOLDS)
def test_a_host_that_is_named_is_reached_without_the_proxy(host, no_proxy):
    assert is_exempt(host, 443, no_proxy)


@pytest.mark.parametrize(("host", "no_proxy"), HOLDS_NOT)
def test_any_other_host_is_not(host, no_proxy):
    assert not is_exempt(host, 443, no_proxy)


@given(st.text(max_size=40))
def test_whatever_is_written_says_yes_or_no(no_proxy):
    assert is_exempt("10.1.2.3", 443, no_proxy) in {True, False}
    assert is_exempt("portal.corp.local", 443, no_proxy) in {True, False}
