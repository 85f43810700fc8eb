"""Addresses of pages: what is one, and which are the same."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.errors import BadSetting
from bulk_publisher.model import Scope
from bulk_publisher.portal.addresses import Address, Unusable, host_of, parse_address
from bulk_publisher.sources.addresses import given_addresses

SECRET = "abcdefabcdef1234"
NAMES = st.text(
    st.characters(categories=["L", "N"], include_characters="-_.~"), min_size=1, max_size=12
).filter(lambda name: name not in {".", ".."} and name.lower() != "index.php")
PATHS = st.lists(NAMES, max_size=4).filter(lambda names: names[:1] != ["rest"])


@pytest.mark.parametrize(
    ("text", "host", "path"),
    [
        ("https://a.example/x/", "a.example", "/x/"),
        ("http://A.Example:80/x", "a.example", "/x/"),
        ("https://a.example:443/x//y/?b=c#d", "a.example", "/x/y/"),
        ("https://a.example:8443/x/", "a.example:8443", "/x/"),
        ("https://a.example./x/", "a.example", "/x/"),
        ("HTTPS://a.example", "a.example", "/"),
        ("https://a.example/x/index.php", "a.example", "/x/"),
        ("https://a.example/index.php?x", "a.example", "/"),
        ("https://a.example/x/../y/./z", "a.example", "/y/z/"),
        ("https://a.example/../../x", "a.example", "/x/"),
        ("https://пример.рф/x/", "xn--e1afmkfd.xn--p1ai", "/x/"),
        ("https://xn--e1afmkfd.xn--p1ai/x/", "xn--e1afmkfd.xn--p1ai", "/x/"),
        ("https://a.example/%D1%85/", "a.example", "/х/"),
        ("https://a.example/х/", "a.example", "/х/"),
        ("https://[::1]:8080/x/", "[::1]:8080", "/x/"),
        ("//a.example/x/", "a.example", "/x/"),
        ("a.example/x/", "a.example", "/x/"),
        ("a.example", "a.example", "/"),
        (" /knowledge/x/ ", "", "/knowledge/x/"),
        ("/", "", "/"),
    ],
)
def test_what_a_browser_takes_for_one_is_one(text, host, path):
    assert parse_address(text) == Address(host, path)


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/sites/site/12/view/351/", None),
        ("/sites/site/12/351/", None),
        ("/sites/site/12/edit/351", None),
        ("/sites/site/12/design/351/?IFRAME=Y", None),
        ("/shop/stores/site/12/view/351/", None),
        ("/kb/wiki/12/view/351/", Scope.KNOWLEDGE),
        ("/KB/wiki/12/351/", Scope.KNOWLEDGE),
        ("/kb/group/wiki/12/settings/351/#x", Scope.GROUP),
    ],
)
def test_the_editors_addresses_hold_site_and_page(path, scope):
    found = parse_address(f"https://a.example{path}")

    assert isinstance(found, Address)
    assert (found.site, found.page, found.scope) == (12, 351, scope)


@pytest.mark.parametrize(
    "path",
    [
        "/sites/site/12/",
        "/sites/site/12/view/351/more/",
        "/sites/site/0/view/351/",
        "/sites/site/12/view/99999999999999999999/",
        "/sites/12/view/351/",
        "/knowledge/wiki/12/view/351/",
        "/kb/12/view/351/",
    ],
)
def test_nothing_else_does(path):
    found = parse_address(f"https://a.example{path}")

    assert isinstance(found, Address)
    assert found.page is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there is no address"),
        ("351", "not a page's address"),
        ("Welcome", "not a page's address"),
        ("mailto:somebody", "not a page's address"),
        ("ftp://a.example/x/", "begins with https://"),
        ("javascript://a.example/x/", "begins with https://"),
        ("https://a.example/a b/", "spaces"),
        ("https://a.example/a\tb/", "spaces"),
        ("https://a.example/a\u202eb/", "invisible"),
        ("https://somebody:pass@a.example/x/", "can't be read"),
        ("somebody@a.example/x", "not a page's address"),
        ("https://a.example:99999/x/", "can't be read"),
        ("https://[::1/x/", "can't be read"),
        ("https:///x/", ""),
        ("https://a..example/x/ü", ""),
        ("https://a.example/%ff/", "can't be read"),
        ("https://a.example/a%3Fb/", "such characters"),
        ("https://a.example/a%23b/", "such characters"),
        ("https://a.example/$result[x]/", "such characters"),
        ("https://a.example/a%0Ab/", "such characters"),
        (f"https://a.example/{'x' * 3000}/", "over 2,048"),
    ],
)
def test_what_can_be_no_pages_address_says_why(text, why):
    found = parse_address(text)

    if why:
        assert isinstance(found, Unusable)
        assert why in found.why


@pytest.mark.parametrize(
    "text",
    [
        f"https://a.example/rest/1/{SECRET}/",
        f"https://a.example/rest/1/{SECRET}/profile.json",
        f"a.example/rest/1/{SECRET}",
        f"https://a.example%2Frest%2F1%2F{SECRET}%2F",
    ],
)
def test_a_webhook_is_recognised_and_not_repeated(text):
    found = parse_address(text)

    assert isinstance(found, Unusable)
    assert "webhook" in found.why
    assert SECRET not in found.why


def test_those_of_a_command_are_refused_together():
    with pytest.raises(BadSetting, match=r"there is no address; .* not a page's address"):
        given_addresses(["/x/", "", "351", "352"])


def test_a_host_alone_is_found_in_an_address():
    assert host_of("https://A.example:443/x/") == "a.example"
    assert host_of("?") == ""


@given(PATHS)
def test_encoding_changes_nothing(names):
    plain = "".join(f"/{name}" for name in names)

    assert parse_address(f"https://a.example{quote(plain)}/") == parse_address(f"a.example{plain}")


@given(PATHS, st.sampled_from(["", "?a=b", "#c", "/", "//", "/./", "/index.php"]))
def test_what_follows_the_path_changes_nothing(names, tail):
    plain = "https://a.example" + "".join(f"/{quote(name)}" for name in names)

    assert parse_address(plain + tail) == parse_address(plain)


@given(PATHS)
def test_an_address_is_its_own(names):
    found = parse_address("https://a.example" + "".join(f"/{quote(name)}" for name in names))

    assert isinstance(found, Address)
    assert parse_address(f"https://{found.host}{quote(found.path)}") == found


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_says_why_not(text):
    found = parse_address(text)

    if isinstance(found, Unusable):
        assert found.why
    else:
        assert found.path.startswith("/")
        assert found.path.endswith("/")
        assert str(found).isprintable()
