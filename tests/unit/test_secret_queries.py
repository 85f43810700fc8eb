import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.text.secret_queries import without_secret_queries

NAMES = ["access_token", "refresh_token", "client_secret", "auth", "code"]


@given(st.sampled_from(NAMES), st.text("abcXYZ019.-_%", min_size=1), st.sampled_from("?& \n"))
def test_the_value_of_a_secret_parameter_is_hidden_wherever_it_stands(name, value, before):
    text = f"GET https://oauth.bitrix.info/oauth/token/{before}{name}={value}&grant_type=x failed"

    assert without_secret_queries(text) == text.replace(f"{name}={value}&", f"{name}=***&")


@given(st.text())
def test_what_was_hidden_stays_as_it_is(text):
    once = without_secret_queries(text)

    assert without_secret_queries(once) == once


@pytest.mark.parametrize("text", ["a code = 5", "exit_code=4", "?state=abc&client_id=local.1", ""])
def test_what_is_no_secret_is_left(text):
    assert without_secret_queries(text) == text
