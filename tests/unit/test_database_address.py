"""The URL of a database is told without its secrets, and is still the same database."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.store.database_address import is_database, parse_address

NAMES = st.text(st.sampled_from("abcxyz019-_."), min_size=1, max_size=12)
PASSWORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=9).map(
    lambda text: f"{text}0aZ9"
)


@given(NAMES, PASSWORDS, NAMES, NAMES, st.booleans())
def test_a_password_is_nowhere_in_what_is_shown(
    user: str, password: str, host: str, name: str, in_query: bool
) -> None:
    written = quote(password, safe="")
    login = user if in_query else f"{user}:{written}"
    query = f"?password={written}&sslmode=require" if in_query else "?sslmode=require"

    address = parse_address(f"postgresql://{login}@{host}:5432/{name}{query}")

    assert written not in address.shown
    assert written not in repr(address)
    assert password in address.secrets
    assert address.shown == f"postgresql://{user}@{host}:5432/{name}?sslmode=require"
    assert parse_address(address.shown).secrets == frozenset()


@given(NAMES)
def test_a_run_is_found_again_by_its_address(run: str) -> None:
    address = parse_address("postgresql://db/bulk?host=/run/postgresql")

    found = parse_address(address.of_run(run))

    assert (found.run, found.shown) == (run, address.shown)


def test_a_url_whose_host_is_a_parameter_stays_one() -> None:
    url = "postgresql:///bulk?host=/run/postgresql"

    assert parse_address(f"{url}#latest").url == url
    assert parse_address(url).shown == url


@pytest.mark.parametrize(
    "text",
    ["runs", "postgresql:/db", "http://db/bulk", "postgresql://db/a b", "postgresql://db:x/bulk", "postgresql://[::/bulk"],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_address(text)

    assert text not in str(caught.value)


def test_a_folder_is_no_database() -> None:
    assert not is_database("runs/postgresql")
    assert is_database("postgres://db/bulk")
