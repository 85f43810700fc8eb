import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.errors import BadSetting
from bulk_publisher.portal.credentials import Webhook

SECRET = "s3cr3tC0de"


def test_a_webhook_makes_the_address_of_a_method():
    webhook = Webhook(f"https://example.bitrix24.com/rest/7/{SECRET}/")

    assert webhook.url("batch") == f"https://example.bitrix24.com/rest/7/{SECRET}/batch.json"
    assert webhook.secret == SECRET


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (f"https://example.bitrix24.com/rest/7/{SECRET}", "example.bitrix24.com"),
        (f"  https://example.bitrix24.com/rest/7/{SECRET}/\n", "example.bitrix24.com"),
        (f"https://example.bitrix24.com/rest/7/{SECRET}/profile.json", "example.bitrix24.com"),
        (f"https://example.bitrix24.com/rest/7/{SECRET}/profile.json?a=b#c", "example.bitrix24.com"),
        (f"HTTPS://Example.Bitrix24.com/rest/7/{SECRET}/", "example.bitrix24.com"),
        (f"https://me:pw@example.bitrix24.com/rest/7/{SECRET}/", "example.bitrix24.com"),
        (f"https://portal.example:8443/rest/7/{SECRET}/", "portal.example:8443"),
        (f"https://портал.рф/rest/7/{SECRET}/", "портал.рф"),
        (f"https://[::1]:8443/rest/7/{SECRET}/", "[::1]:8443"),
        (f"http://127.0.0.1:8080/rest/7/{SECRET}/", "127.0.0.1:8080"),
        (f"http://127.9.9.9/rest/7/{SECRET}/", "127.9.9.9"),
        (f"http://[::1]/rest/7/{SECRET}/", "[::1]"),
        (f"http://localhost:80/rest/7/{SECRET}/", "localhost:80"),
    ],
)  # fmt: skip
def test_a_webhook_is_read_as_people_paste_it(url, host):
    webhook = Webhook(url)

    assert (webhook.host, webhook.user, webhook.secret) == (host, 7, SECRET)
    assert webhook.url("profile").endswith(f"://{host}/rest/7/{SECRET}/profile.json")


@pytest.mark.parametrize(
    "show",
    [repr, str, "{}".format, "%s".__mod__],
    ids=["repr", "str", "format", "percent"],
)
def test_a_webhook_that_is_shown_names_its_host_and_user_and_not_its_secret(show):
    webhook = Webhook(f"https://example.bitrix24.com/rest/7/{SECRET}/")

    assert show(webhook) == "<Webhook of user 7 on example.bitrix24.com>"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        SECRET,
        f"example.bitrix24.com/rest/7/{SECRET}/",
        f"ftp://example.bitrix24.com/rest/7/{SECRET}/",
        f"https:///rest/7/{SECRET}/",
        f"https://example.bitrix24.com/{SECRET}/",
        f"https://example.bitrix24.com/rest/{SECRET}/",
        f"https://example.bitrix24.com/rest/me/{SECRET}/",
        f"https://example.bitrix24.com/rest/٧/{SECRET}/",
        f"https://example.bitrix24.com/rest/7/{SECRET}/a/b",
        f"https://example.bitrix24.com/rest/7/{SECRET} x/",
        f"https://example.bitrix24.com:port/rest/7/{SECRET}/",
        f"https://example.bitrix24.com:99999/rest/7/{SECRET}/",
        f"https://example.bitrix24.com:0/rest/7/{SECRET}/",
        f"https://[::1/rest/7/{SECRET}/",
        f"https://[junk]/rest/7/{SECRET}/",
        f"https://exa℀mple.com/rest/7/{SECRET}/",
        f"https://exa mple.com/rest/7/{SECRET}/",
        f"https://<portal>/rest/7/{SECRET}/",
    ],
)
def test_what_is_no_webhook_is_refused_in_one_sentence_without_it(url):
    with pytest.raises(BadSetting) as caught:
        Webhook(url)

    assert caught.value.message == "The webhook URL is not a Bitrix24 one."
    assert SECRET not in caught.value.hint
    assert SECRET not in "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    "host", ["example.bitrix24.com", "192.168.0.1", "localhost.example.com", "0.0.0.0", "[::2]"]
)
def test_a_secret_goes_in_the_clear_to_this_machine_alone(host):
    with pytest.raises(BadSetting, match="unencrypted") as caught:
        Webhook(f"http://{host}/rest/7/{SECRET}/")

    assert SECRET not in caught.value.message + caught.value.hint


@given(
    st.text() | st.text().map("https://{}/rest/1/abc/".format) | st.text().map("https:{}".format)
)
def test_any_text_is_a_webhook_or_is_refused(text):
    try:
        url = Webhook(text).url("profile")
    except BadSetting as error:
        url = error.hint

    assert "/rest/" in url


@pytest.mark.parametrize("user", ["9" * 5000, "9223372036854775808", "0"])
def test_a_user_of_no_portal_is_no_webhook(user):
    with pytest.raises(BadSetting, match=r"^The webhook URL is not a Bitrix24 one\.$"):
        Webhook(f"https://example.bitrix24.com/rest/{user}/{SECRET}/")


def test_methods_of_rest_3_have_an_address_of_their_own():
    webhook = Webhook("https://example.bitrix24.com/rest/7/abc123/")

    assert webhook.url("note.collection.list") == (
        "https://example.bitrix24.com/rest/api/7/abc123/note.collection.list"
    )
    assert webhook.secret == "abc123"


def test_what_limits_go_by_is_the_folder_that_earlier_versions_have_left():
    webhook = Webhook("https://example.bitrix24.com/rest/7/s3cr3tC0de/")

    assert webhook.identity == "b8241622433c9675a4ef799b"
    assert webhook.origin == "https://example.bitrix24.com"
