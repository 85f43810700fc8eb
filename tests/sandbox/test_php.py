import pytest

from bulk_publisher.sandbox import php


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("351abc", 351),
        (" 7", 7),
        ("-3", -3),
        ("1e3", 1000),
        ("12.9", 12),
        ("abc", 0),
        ("", 0),
        (None, 0),
        (True, 1),
        (4.9, 4),
        ([], 0),
        ([0], 1),
        ("9" * 400, int("9" * 20)),
        (1e300, 0),
    ],
)
def test_a_number_is_read_by_its_leading_digits(value, number):
    assert php.intval(value) == number


@pytest.mark.parametrize(
    ("value", "verdict"),
    [("false", True), ("0", False), ("", False), ([], False), ("0.0", True)],
)
def test_the_word_false_is_true(value, verdict):
    assert php.truthy(value) is verdict


@pytest.mark.parametrize(
    ("mapping", "written"),
    [
        ({}, []),
        ({"0": "a", "1": "b"}, ["a", "b"]),
        ({"1": "a"}, {"1": "a"}),
        ({"1": "b", "0": "a"}, {"1": "b", "0": "a"}),
        ({"p1": True}, {"p1": True}),
    ],
)
def test_an_array_with_keys_from_nought_is_a_list(mapping, written):
    assert php.array(mapping) == written


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("lid=351&scope=KNOWLEDGE", {"lid": "351", "scope": "KNOWLEDGE"}),
        ("a=1+2%2B3", {"a": "1 2+3"}),
        ("s[]=ID&s[]=TITLE", {"s": ["ID", "TITLE"]}),
        ("p[filter][%3EID]=5", {"p": {"filter": {">ID": "5"}}}),
        ("p[a]=1&p[b][]=2", {"p": {"a": "1", "b": ["2"]}}),
        ("a.b=1", {"a_b": "1"}),
        ("a=1&a=2", {"a": "2"}),
        ("", {}),
        ("=1", {}),
    ],
)
def test_a_query_is_read_with_its_brackets(query, params):
    assert php.parse_str(query) == params


def test_letters_beyond_ascii_are_escaped():
    assert php.encode({"TITLE": "Страница"}) == json_of_a_page()


def json_of_a_page() -> bytes:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in "Страница")
    return f'{{"TITLE": "{escaped}"}}'.encode()


def test_an_earlier_result_is_put_where_it_is_asked_for():
    answers = {"result": {"first": {"ID": 7}}}

    found = php.substitute({"lid": "$result[first][ID]", "t": "no $result[x][ID]!"}, answers)

    assert found == {"lid": 7, "t": "no !"}
