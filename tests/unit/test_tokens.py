import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.errors import BadSetting
from bulk_publisher.portal.tokens import (
    TokenSet,
    decode_tokens,
    encode_tokens,
    given_tokens,
    token_answer,
)

NOW = 1_772_000_000.0
SECRETS = {"access_token": "acc3ss", "refresh_token": "r3fresh", "client_secret": "s3cret"}
TOLD = {
    **SECRETS,
    "client_id": "local.1",
    "client_endpoint": "https://shop.bitrix24.com/rest/",
    "expires_in": 3600,
    "user_id": 7,
}

secrets = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=80)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def read(**changes: Any) -> TokenSet:
    data = json.dumps({**TOLD, **changes}).encode()
    return given_tokens(data, where="tokens.json", client_id="", client_secret="", now=NOW)


@given(secrets, secrets, secrets, secrets)
def test_what_is_kept_is_read_back_as_it_was(access, refresh, client, secret):
    tokens = read(
        access_token=access, refresh_token=refresh, client_id=client, client_secret=secret
    )

    assert decode_tokens(encode_tokens(tokens)) == tokens


@given(st.dictionaries(st.sampled_from([*TOLD, "expires", "token_endpoint"]), anything))
def test_any_answer_is_read_or_refused_without_its_values(changes):
    told = {**TOLD, **changes}
    try:
        tokens = read(**changes)
    except BadSetting as error:
        said = error.message + error.hint
        values = [one for one in told.values() if isinstance(one, str) and len(one) > 6]
        assert not [one for one in values if one in said]
    else:
        assert tokens.client_endpoint.startswith(("https://", "http://"))


@pytest.mark.parametrize(
    ("told", "expires"),
    [
        ({"expires_in": 3600}, NOW + 3600),
        ({"expires_in": "3600"}, NOW + 3600),
        ({"expires_in": None, "expires": 1_772_003_600}, 1_772_003_600.0),
        ({"expires_in": 60, "expires": 1_772_003_600}, 1_772_003_600.0),
        ({"expires_in": None, "expires": 3600}, NOW + 3600),
        ({"expires_in": None}, None),
        ({"expires_in": -5}, None),
        ({"expires_in": True}, None),
        ({"expires_in": "soon"}, None),
    ],
)
def test_when_a_token_expires_is_an_epoch_or_seconds_from_now(told, expires):
    assert read(**told).expires == expires


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://shop.bitrix24.com/rest/",
        "https://shop.bitrix24.com/",
        "https://shop.bitrix24.com/rest/1/c0de/",
        "ftp://shop.bitrix24.com/rest/",
        "shop.bitrix24.com",
        "",
    ],
)
def test_a_portal_is_reached_by_https_alone(endpoint):
    with pytest.raises(BadSetting, match="client_endpoint"):
        read(client_endpoint=endpoint)


@pytest.mark.parametrize(
    "endpoint", ["http://oauth.bitrix.info/oauth/token/", "https://x/?a=b", "https://u:p@x/", "x"]
)
def test_a_token_endpoint_is_reached_by_https_alone(endpoint):
    with pytest.raises(BadSetting, match="token_endpoint"):
        read(token_endpoint=endpoint)


@pytest.mark.parametrize(
    ("told", "endpoint"),
    [
        ({}, "https://oauth.bitrix.info/oauth/token/"),
        ({"server_endpoint": "https://oauth.bitrix24.tech/rest/"}, "https://oauth.bitrix24.tech/oauth/token/"),
        ({"server_endpoint": "https://evil.example/rest/"}, "https://oauth.bitrix.info/oauth/token/"),
        ({"domain": "oauth.bitrix24.tech"}, "https://oauth.bitrix24.tech/oauth/token/"),
        ({"client_endpoint": "http://127.0.0.1:81/rest/"}, "http://127.0.0.1:81/oauth/token/"),
        ({"token_endpoint": "https://sso.example/token"}, "https://sso.example/token"),
    ],
)  # fmt: skip
def test_tokens_are_renewed_by_the_vendor_unless_the_file_says_where(told, endpoint):
    assert read(**told).token_endpoint == endpoint


def test_an_answer_changes_the_tokens_and_no_address():
    before = read(asked_at=NOW)
    answer = token_answer(
        {
            "access_token": "n3w",
            "refresh_token": "n3wer",
            "client_endpoint": "https://evil.example/rest/",
            "token_endpoint": "https://evil.example/",
            "server_endpoint": "https://oauth.bitrix24.tech/rest/",
            "user_id": "8",
        },
        now=NOW,
    )

    after = before.renewed(answer)

    assert (after.access_token, after.refresh_token, after.user_id) == ("n3w", "n3wer", 8)
    assert (after.client_endpoint, after.token_endpoint) == (
        before.client_endpoint,
        before.token_endpoint,
    )
    assert after.identity == before.identity
    assert after.asked_at is None


@pytest.mark.parametrize("field", ["expires", "expires_in", "user_id", "member_id", "scope"])
def test_new_tokens_are_not_lost_for_what_else_stands_beside_them(field):
    answer = token_answer({**TOLD, field: ["nonsense"]}, now=NOW)

    assert answer.access_token == "acc3ss"


def test_no_secret_is_in_what_is_shown():
    shown = f"{read()!r} {token_answer(TOLD, now=NOW)!r} {read().identity}"

    assert not [one for one in SECRETS.values() if one in shown]


def test_two_applications_of_a_portal_have_limits_of_their_own_and_two_users_of_one_share_them():
    assert read().identity != read(client_id="local.2").identity
    assert read().identity != read(client_endpoint="https://other.bitrix24.com/rest/").identity
    assert read().identity == read(user_id=8, access_token="another").identity
