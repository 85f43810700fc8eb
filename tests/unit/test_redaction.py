"""A secret is hidden however it is written, and nothing else is."""

import base64
import html
import json
from concurrent.futures import ThreadPoolExecutor
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
CODES = st.text("abcdefXYZ0123456789-_", min_size=12, max_size=20).filter(lambda code: len({*code.lower()}) > 3)  # fmt: skip
PASSWORDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), min_size=12, max_size=24
).filter(lambda text: len({*text.lower()}) > 6)
"""What people and programs make up: any characters at all."""
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

    assert said == text or code[:8].lower() in _readings(text)


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


AS_BYTES = {
    "base64": lambda data: base64.b64encode(data).decode(),
    "of addresses": lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
    "hex": lambda data: data.hex(),
    "capital hex": lambda data: data.hex().upper(),
    "percent": lambda data: "".join(f"%{one:02x}" for one in data),
    "percent twice": lambda data: "".join(f"%25{one:02X}" for one in data),
}
AS_TEXT = {
    "plain": str,
    "url": lambda text: quote(text, safe=""),
    "url twice": lambda text: quote(quote(text, safe="").lower()),
    "json": lambda text: json.dumps(text)[1:-1],
    "json with all letters": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json in json": lambda text: json.dumps(json.dumps(text))[3:-3],
    "php": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "html": html.escape,
    "capitals": lambda text: "".join(one.upper() if one.isascii() else one for one in text),
}


@pytest.mark.parametrize("write", AS_BYTES.values(), ids=AS_BYTES)
@settings(max_examples=60)
@given(code=CODES, before=st.binary(max_size=5), after=st.binary(max_size=5), cut=st.data())
def test_a_piece_of_8_characters_is_hidden_wherever_bytes_are_cut(write, code, before, after, cut):
    first = cut.draw(st.integers(0, len(code) - 8))
    piece = code[first : first + cut.draw(st.integers(8, len(code) - first))]
    if any(len({*piece[at : at + 8].lower()}) <= 3 for at in range(len(piece) - 7)):
        return

    said = Redactor(code).text(f"at {write(before + piece.encode() + after)} it is")

    assert write(piece.encode()).strip("=")[4:-4] not in said
    assert HIDDEN in said


@pytest.mark.parametrize("write", AS_TEXT.values(), ids=AS_TEXT)
@settings(max_examples=60)
@given(secret=PASSWORDS, cut=st.data())
def test_a_piece_of_any_password_is_hidden_wherever_a_text_is_cut(write, secret, cut):
    first = cut.draw(st.integers(0, len(secret) - 8))
    piece = secret[first : first + cut.draw(st.integers(8, len(secret) - first))]
    if any(len({*piece[at : at + 8].encode().lower()}) <= 3 for at in range(len(piece) - 7)):
        return

    said = Redactor(secret).text(f"(is: {write(piece)})")

    assert HIDDEN in said
    assert write(piece) not in said


@settings(max_examples=300)
@given(
    st.lists(st.one_of(CODES, PASSWORDS), min_size=1, max_size=5),
    st.lists(st.one_of(st.text(max_size=30), st.from_regex(r"[a-f0-9%&;\\<>+/=-]{0,30}"), st.integers(0, 30)), max_size=8),
)  # fmt: skip
def test_a_text_that_shares_no_8_characters_stays_byte_for_byte(secrets, parts):
    """Parts of the secrets of 7 characters are among it."""
    text = " ".join(
        part if isinstance(part, str) else secrets[part % len(secrets)][part % 5 : part % 5 + 7]
        for part in parts
    )
    redactor = Redactor(secrets[0])
    for secret in secrets[1:]:
        redactor.learn(secret)
    readings = _readings(text)
    shared = [s for s in secrets for at in range(len(s) - 7) if s[at : at + 8].lower() in readings]

    said = redactor.text(text)

    assert said is text or shared


@pytest.mark.parametrize("secret", ["a", "351", "page", "landing", "password", "bitrix24", "12345678", "aaaaaaaaaaaaaaaa", "publication"])  # fmt: skip
def test_what_any_text_may_hold_is_hidden_where_it_stands_by_itself(secret):
    redactor = Redactor(secret)
    text = f"x{secret}y of pages351 landings passwords123 000000012345678901"

    assert redactor.text(text) is text
    assert redactor.text(f"/rest/1/{secret}/ it's {secret.upper()}.") == "/rest/1/***/ it's ***."


@pytest.mark.parametrize("password", ["a", "proxy", "p%40ss", "p:w", "s3cr3t/Pässw0rd", "s3cr3t%2FP%E4ssw0rd"])  # fmt: skip
def test_the_password_of_a_proxy_is_hidden_and_the_words_that_are_like_it_are_not(password):
    redactor = Redactor(SECRET)
    redactor.learn_login("us%40er", password)
    sent = [
        base64.b64encode(f"us@er:{unquote(password)}".encode(encoding, "replace")).decode()
        for encoding in ("utf-8", "latin-1")
    ]

    said = redactor.text(f"http://us%40er:{password}@proxy:3128 {' '.join(sent)} us@er:{unquote(password)}")  # fmt: skip

    assert f":{password}" not in said
    assert unquote(password) not in said.replace("proxy:3128", "") or len(password) < 3
    assert not [one for one in sent if one.rstrip("=") in said]
    assert redactor.text("a page of the proxy proxy.local") == "a page of the proxy proxy.local"


def test_a_secret_that_looks_encoded_is_hidden_where_it_is_encoded_in_another_way():
    redactor = Redactor("0000000123\xa0%04")

    assert redactor.text(r"(is: 0123\u00a0%04)") == "(is: ***)"
    assert redactor.text("(is: 0123%C2%A0%2504)") == "(is: ***)"
    redactor.learn("0000000123\U00010000%04")
    assert redactor.text(r"(is: 0123\ud800\udc00%04)") == "(is: ***)"


def test_a_piece_that_tells_nothing_is_none():
    redactor = Redactor("6f2f5d5a000000000000be006e36e1")

    assert redactor.text("0.0000000000 of 00000001") == "0.0000000000 of 00000001"
    assert redactor.text("2f5d5a0000") == HIDDEN


def test_what_a_megabyte_holds_is_found_and_all_else_left():
    ordinary = "Страница %20 &amp; 351 at 2026-11-26T20:56:02Z\n" * 20_000
    redactor = Redactor(SECRET)

    assert redactor.text(ordinary) is ordinary
    assert redactor.text(f"{ordinary}{SECRET}") == f"{ordinary}{HIDDEN}"
    assert redactor.text(f"x{SECRET[3:11]}{ordinary}").startswith("x***Страница %20")


def test_a_key_that_is_a_secret_is_hidden():
    redactor = Redactor(SECRET)
    redactor.learn("ID")

    assert redactor.value({f"/rest/1/{SECRET}/": 1, "ID": "ID"}) == {"/rest/1/***/": 1, "ID": "***"}


def test_secrets_are_added_while_another_thread_redacts():
    redactor = Redactor(SECRET)
    text = f"{SECRET} and words of every kind; " * 20
    with ThreadPoolExecutor(1) as pool:
        said = pool.submit(lambda: {redactor.text(text) for _ in range(2_000)})
        for number in range(30):
            redactor.learn(f"{number:03}abcdefghij{number:05}klmnopq" * 3)

    assert said.result() == {text.replace(SECRET, HIDDEN)}


def test_a_secret_that_is_forgotten_is_hidden_no_more_and_the_others_are():
    redactor = Redactor("f1rstQ8rm_-41xyz")
    redactor.learn("n3xtT0ken_-77abc")
    redactor.forget("f1rstQ8rm_-41xyz")
    redactor.forget("never-known")

    assert redactor.text("f1rstQ8rm_-41xyz n3xtT0ken_-77abc") == f"f1rstQ8rm_-41xyz {HIDDEN}"
    assert not redactor.may_be_in(b"f1rstQ8rm_-41xyz")
