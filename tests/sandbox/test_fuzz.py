"""Whatever is sent, the portal answers as a portal."""

from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.sandbox.methods import METHODS

_words = st.sampled_from(
    ["lid", "id", "siteId", "scope", "params", "filter", "select", "order", "limit", "offset",
     "fields", "TITLE", "SITE_ID", "ID", "=ID", ">ID", "><ID", "!ACTIVE", "DATE_MODIFY", "LOGIC",
     "landingUrl", "cmd", "halt", "name", "TYPE", "0", "1"]
)  # fmt: skip
_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["KNOWLEDGE", "Y", "OR", "1", "1abc", "DESC", "*", "ID", "$result[a][0]", ""]),
    st.text(max_size=8),
)
_values = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=8,
)
_params = st.dictionaries(_words, _values, max_size=4)


@given(method=st.sampled_from([*METHODS, "batch"]), params=_params)
def test_any_parameters_get_an_answer_of_the_portal(core, method, params):
    portal = core(pages=5, cost=0.5, sites=[], missing_pages=[2])
    params.setdefault("scope", "KNOWLEDGE")

    status, body = portal.ask(method, **params)

    assert status in {200, 400, 401, 404}
    assert ("result" in body) is (status == 200)


@given(commands=st.lists(st.text(max_size=30), max_size=5), method=st.sampled_from([*METHODS]))
def test_any_text_may_be_a_command(core, commands, method):
    portal = core(pages=5)

    answer = portal.result(
        "batch", cmd={f"k{i}": f"{method}?{text}" for i, text in enumerate(commands)}
    )

    assert len(answer["result"]) + len(answer["result_error"]) == len(commands)
