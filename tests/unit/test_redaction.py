"""A secret is hidden however it is written, and nothing else is."""

import base64
import html
import json
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bulk_publisher.portal.transport import redacted
from bulk_publisher.text.redaction import (
    EXAMPLE_URL,
    HIDDEN,
    Redactor,
    is_webhook_url,
    without_webhooks,
)

SECRET = "s3cr3tC0de-_x9Q1"
CODES = st.text("abcdefXYZ0123456789-_", min_size=6, max_size=20)
WRITTEN = {
    "plain": str,
    "upper": str.upper,
    "lower": str.lower,
    "percent": lambda text: "".join(f"%{ord(one):02x}" for one in text),
    "percent twice": lambda text: "".join(f"%25{ord(one):02X}" for one in text),
    "decimal entities": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "hex entities": lambda text: "".join(f"&#x0{ord(one):X};" for one in text),
    "entities twice": lambda text: "".join(f"&amp;#{ord(one)};" for one in text),
    "json": lambda text: "".join(f"\\u{ord(one):04x}" for one in text),
    "json twice": lambda text: "".join(f"\\\\u{ord(one):04X}" for one in text),
    "hex escapes": lambda text: "".join(f"\\x{ord(one):02x}" for one in text),
    "soft hyphens": "\xad".join,
    "zero width": "\u200b".join,
    "tags": "<b></b>".join,
    "one escape": lambda text: f"%{ord(text[0]):02x}{text[1:]}",
    "base64": lambda text: base64.b64encode(f"https://a.b/rest/1/{text}/".encode()).decode(),
    "hex": lambda text: text.encode().hex().upper(),
}


def _readings(text: str) -> str:
    """All that a reader could make of *text*."""
    seen = [text]
    for _ in range(6):
        text = unquote(html.unescape(text))
        seen.append(text)
        for hidden in ("\xad", "\u200b", "<b></b>"):
            text = text.replace(hidden, "")
        seen.append(text)
    return "\n".join(seen).lower()


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_a_secret_is_hidden_however_it_is_written(write):
    said = Redactor(SECRET).text(f"No access with {write(SECRET)}: see the manual.")

    assert SECRET.lower() not in _readings(said)
    assert write(SECRET) not in said
    assert HIDDEN in said


def test_what_looks_like_a_tag_around_it_hides_nothing():
    said = Redactor(SECRET).text(f"<a {'%'.join(SECRET)} {chr(0xAD).join(SECRET)} > it")

    assert said == HIDDEN


@settings(max_examples=60)
@given(CODES, st.data(), st.text(max_size=20), st.text(max_size=20))
def test_whatever_layers_it_is_wrapped_in(code, data, before, after):
    layers = data.draw(st.lists(st.sampled_from([
        lambda text: quote(text, safe=""),
        html.escape,
        lambda text: "".join(f"&#{ord(one)};" for one in text),
        lambda text: json.dumps(text)[1:-1],
        lambda text: "".join(f"\\u{ord(one):04x}" if ord(one) < 65536 else one for one in text),
    ]), max_size=4))  # fmt: skip
    text = f"{before}{code}{after}"
    for layer in layers:
        text = layer(text)
    redactor = Redactor(code)

    said = redactor.text(text)

    assert code.lower() not in _readings(said)
    assert redactor.text(said) == said
    said.encode()


@given(st.text(), CODES)
@example("50 % of R&D — «Übersicht» <b>x</b> \\u00ab", "abcdef")
def test_a_text_without_it_is_left_as_it_is(text, code):
    said = Redactor(code).text(text)

    assert said in (text, HIDDEN) or code.lower() in _readings(text)


@pytest.mark.parametrize("code", ["1", "12", "a", "Y", "351", "12345678901234567890"])
@pytest.mark.parametrize("form", [json.dumps, lambda data: json.dumps(data).replace('"', '"')])
def test_a_short_or_numeric_code_makes_no_other_answer_of_an_answer(code, form):
    rows = [{"ID": "351", "SITE_ID": "12", "TITLE": f"Page {code}.", "ACTIVE": "Y", "n": 12345678901234567890}]  # fmt: skip

    body = redacted(form({"result": rows, "1": 1.5}).encode(), Redactor(code))

    (row,) = json.loads(body)["result"]
    assert row == {**rows[0], "TITLE": f"Page {HIDDEN}."}


def test_a_code_of_a_few_letters_is_not_looked_for_in_words():
    assert (
        Redactor("ab").text("cab about /rest/1/ab/ ab") == f"cab about /rest/1/{HIDDEN}/ {HIDDEN}"
    )


@pytest.mark.parametrize("body", [
    b'{"error": "X", "error_description": "' + "".join(f"\\u{ord(one):04x}" for one in SECRET).encode() + b'"}',
    b"\xef\xbb\xbf" + json.dumps({"error": SECRET}).encode(),
    b"<html>/rest/1/" + SECRET.swapcase().encode(),
    b"Warning: " + SECRET.encode() + b' {"result": true}',
    b'{"error": "cut ' + SECRET.encode(),
    b"[" * 100_000 + SECRET.encode(),
])  # fmt: skip
def test_an_answer_is_read_without_the_secret_whatever_it_is(body):
    without = redacted(body, Redactor(SECRET))

    assert SECRET.lower().encode() not in without.lower()
    assert b"\\u0073" not in without


def test_an_answer_without_it_is_not_touched():
    body = '{"result": {"url": "\\/a%20b\\/", "TITLE": "Übersicht &amp; \\u00ab"}}'.encode()

    assert redacted(body, Redactor(SECRET)) is body


URLS = [
    "https://example.bitrix24.com/rest/1/abc123def456/",
    "HTTPS://Example.Bitrix24.com/REST/1/abc123def456/",
    "http://127.0.0.1:40913/rest/1/abc123/profile.json",
    "https:/example.bitrix24.com/rest/1/abc123def456",
    "https%3A%2F%2Fexample.bitrix24.com%2Frest%2F1%2Fabc123def456%2F",
    "example.bitrix24.com/rest/1/abc123def456/",
    "example.bitrix24.com:8443/rest/1/abc123def456/batch.json",
    "//example.bitrix24.com/rest/1/abc123def456/",
    "BITRIX24_WEBHOOK=https://example.bitrix24.com/rest/1/abc123def456/",
    "--webhook-file=https://example.bitrix24.com/rest/1/abc123def456/",
    "x https://portal.example/rest/abc123def456",
]


@pytest.mark.parametrize("url", URLS)
def test_the_url_of_a_webhook_is_recognised(url):
    assert is_webhook_url(url)
    said = without_webhooks(f"Error: '{url}': no such file, (see {url}).")
    assert "abc123" not in said
    assert said.endswith(").")


def test_the_example_of_a_webhook_is_shown_and_nothing_that_holds_it():
    hint = f"then: export BITRIX24_WEBHOOK={EXAMPLE_URL} - or name a file, like {EXAMPLE_URL}"
    assert without_webhooks(hint) == hint
    for url in (f"{URLS[0]}={EXAMPLE_URL}", f"{EXAMPLE_URL}/{URLS[0]}", EXAMPLE_URL.upper()):
        assert without_webhooks(url) == HIDDEN


@pytest.mark.parametrize("word", [
    "pages.csv", "/data/rest/1/abc123def456/pages.csv", "./rest/1/abc123", "the rest/1", "a/v1.2/rest/1/abc123def456",
    "100%", "https://example.com/pages.csv", "20261124T211933Z-a996", "400-420", "rest", "",
])  # fmt: skip
def test_what_is_none_is_left(word):
    assert not is_webhook_url(word)
    assert without_webhooks(word) == word


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_a_secret_that_is_learned_later_is_hidden_beside_the_first(write):
    redactor = Redactor(SECRET)
    redactor.learn("n3xtT0ken_-77abc")

    said = redactor.text(f"No access with {write('n3xtT0ken_-77abc')} nor {write(SECRET)}.")
    without = redacted(json.dumps({"a": write("n3xtT0ken_-77abc")}).encode(), redactor)

    for secret in (SECRET, "n3xtT0ken_-77abc"):
        assert secret.lower() not in _readings(said)
        assert write(secret) not in said
    assert HIDDEN.encode() in without
