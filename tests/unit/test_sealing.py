"""What the database keeps encrypted is read with the same key, under the same name, and in no other way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("cryptography")
pytest.importorskip("psycopg")

from bulk_publisher.store.postgres.sealing import Tampered, sealed, unsealed

keys = st.binary(min_size=32, max_size=32)


@given(keys, st.text(max_size=200), st.binary(max_size=5_000))
def test_what_was_sealed_is_read_again(key: bytes, name: str, content: bytes) -> None:
    data = sealed(key, name, content)

    assert unsealed(key, name, data) == content
    assert data != sealed(key, name, content)
    assert len(content) < 8 or content not in data


@given(st.data(), keys, st.text(max_size=20), st.binary(max_size=100))
def test_whatever_is_changed_is_noticed(
    data: st.DataObject, key: bytes, name: str, content: bytes
) -> None:
    whole = sealed(key, name, content)
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytes([whole[at] ^ data.draw(st.integers(1, 255))])
    cut = data.draw(st.integers(0, len(whole) - 1))

    for changed in (whole[:at] + flipped + whole[at + 1 :], whole[:cut]):
        with pytest.raises(Tampered):
            unsealed(key, name, changed)


@given(keys, keys, st.text(max_size=20), st.text(max_size=20))
def test_another_key_or_name_reads_nothing(key: bytes, other: bytes, name: str, also: str) -> None:
    data = sealed(key, name, b"tokens")

    for its, of in ((other, name), (key, also)):
        if (its, of) != (key, name):
            with pytest.raises(Tampered):
                unsealed(its, of, data)
