"""Named portals are read by the rules of job files, and changed without harm to what stands around them."""

import contextlib
import tempfile
import threading
import tomllib
from pathlib import Path
from unicodedata import is_normalized

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import (
    Portal,
    PortalPlan,
    Secret,
    find_portal,
    portals_path,
    put_portal,
    read_portals,
    remove_portal,
)
from bulk_publisher.jobs.portals_text import with_entry, without_entry

SHOP = Portal(webhook=Secret(file="credentials/shop"))
TEXT = """\
# Our portals. Ask Ann before you change one.

# The shop, on the new plan
[shop]
webhook = { file = "credentials/shop" }  # from the safe
plan = "enterprise"  # they asked in May

# Nightly only
["client-a.eu"]
oauth = { keyring = "client-a" }
ca_file = "ca.pem"

[wiki] # classic
webhook = { env = "WIKI_WEBHOOK" }
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "portals.toml"


def complaints(path: Path, text: str) -> list[str]:
    """What is said of a file with *text*, without its folder."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadSetting) as caught:
        read_portals(path)
    return caught.value.message.replace(f"{path.parent}/", "").splitlines()


def test_portals_are_read_in_their_order_with_paths_beside_their_file(path: Path) -> None:
    path.write_text(TEXT)

    portals = read_portals(path)

    assert list(portals.by_name) == ["shop", "client-a.eu", "wiki"]
    assert portals.find("shop") == Portal(
        webhook=Secret(file=str(path.parent / "credentials/shop")), plan=PortalPlan.ENTERPRISE
    )
    assert portals.find("client-a.eu") == Portal(
        oauth=Secret(keyring="client-a"), ca_file=str(path.parent / "ca.pem")
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[shop]\nwebhook = { file = 'a' }\nplann = 'x'", "portals.toml:3: 'plann' is not a key of a named portal: did you mean plan?"),
        ("[shop]\n", "portals.toml:1: shop: it needs webhook or oauth: write webhook = "),
        ("[shop]\nwebhook = { env = 'A' }\noauth = { file = 'B' }", "portals.toml:3: oauth and webhook can't be combined"),
        ("[shop]\nwebhook = 'https://x.bitrix24.com/rest/1/0123456789abcdef/'", "portals.toml:2: webhook: a secret is named, never written"),
        ("[shop]\nwebhook = { env = 'A' }\nsandbox = 'clean'", "portals.toml:3: 'sandbox' is not a key of a named portal: it belongs in [portal] of a job file"),
        ("[shop]\nwebhook = { env = 'A' }\nconcurrency = 4", "portals.toml:3: 'concurrency' is not a key of a named portal: it belongs in a job file"),
        ("[a.b]\nwebhook = { env = 'A' }", "portals.toml:1: 'b' is not a key of a named portal: there is webhook, oauth, plan, ca_file; a name with a dot is quoted"),
        ("\n['../x']\nwebhook = { env = 'A' }", "portals.toml:2: '../x': a portal's name is up to 60 letters"),
        ("['https://x.bitrix24.com/rest/1/0123456789abcdef/']", "portals.toml:1: a webhook's URL: a portal's name is"),
        ("shop = 1", "portals.toml:1: shop must be a portal's table: write [shop]"),
        ("[shop\n", "portals.toml:1: this is not TOML"),
    ],
    ids=["key", "empty", "both", "secret", "sandbox", "pace", "dot", "path", "url", "value", "toml"],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(path: Path, text: str, said: str) -> None:
    told = complaints(path, text)

    assert len(told) >= 1
    assert told[-1].startswith(said), told
    assert "0123456789abcdef" not in "".join(told)


def test_an_unknown_name_is_told_with_the_nearest(path: Path) -> None:
    path.write_text(TEXT)

    with pytest.raises(BadSetting, match=r"no portal 'shopp' in .*: did you mean shop\?"):
        read_portals(path).find("shopp")
    with pytest.raises(BadSetting, match=r"there is shop, client-a\.eu, wiki"):
        read_portals(path).find("zzz")


def test_without_a_file_there_are_no_portals(path: Path) -> None:
    with pytest.raises(BadSetting, match="there is no such file yet") as caught:
        read_portals(path).find("shop")

    assert "portals add" in caught.value.hint


def test_patterns_mean_names_once_and_in_the_order_of_the_file(path: Path) -> None:
    path.write_text(TEXT)
    portals = read_portals(path)

    assert portals.matching(["wiki", "*", "shop"]) == ["shop", "client-a.eu", "wiki"]
    assert portals.matching(["client-*"]) == ["client-a.eu"]
    with pytest.raises(BadSetting, match=r"is called 'x\*'"):
        portals.matching(["shop", "x*"])


def test_what_a_job_says_itself_comes_before_its_entry(path: Path) -> None:
    path.write_text(TEXT)
    asked = Portal(name="shop", named_in=str(path), plan=PortalPlan.STANDARD)

    found = find_portal(asked, {})

    assert (found.plan, found.name) == (PortalPlan.STANDARD, "shop")
    assert found.webhook == Secret(file=str(path.parent / "credentials/shop"))


@pytest.mark.parametrize(
    ("named", "environment", "expected"),
    [
        ("a.toml", {"BULK_PUBLISHER_PORTALS": "b.toml"}, "a.toml"),
        (None, {"BULK_PUBLISHER_PORTALS": "b.toml", "XDG_CONFIG_HOME": "/c"}, "b.toml"),
        (None, {"XDG_CONFIG_HOME": "/c"}, "/c/bulk-publisher/portals.toml"),
        (None, {"XDG_CONFIG_HOME": "c"}, str(Path.home() / ".config/bulk-publisher/portals.toml")),
    ],
)
def test_where_the_file_is(named, environment, expected: str) -> None:
    assert portals_path(named, environment) == Path(expected)


def test_an_entry_is_added_at_the_end_and_removed_again_without_a_trace(path: Path) -> None:
    path.write_text(TEXT)

    put_portal(path, "new", SHOP)
    added = path.read_text()
    remove_portal(path, "new")

    assert added == TEXT + '\n[new]\nwebhook = { file = "credentials/shop" }\n'
    assert path.read_text() == TEXT


def test_an_entry_that_is_replaced_keeps_its_place_and_its_comments(path: Path) -> None:
    path.write_text(TEXT)

    put_portal(path, "shop", Portal(webhook=Secret(keyring="shop"), plan=PortalPlan.ENTERPRISE, ca_file="x.pem"), replaces=True)  # fmt: skip

    assert path.read_text() == TEXT.replace(
        '{ file = "credentials/shop" }', '{ keyring = "shop" }'
    ).replace('in May\n', 'in May\nca_file = "x.pem"\n')  # fmt: skip


def test_comments_around_an_entry_outlive_it(path: Path) -> None:
    path.write_text(TEXT)

    remove_portal(path, "client-a.eu")

    assert [line for line in TEXT.splitlines() if line.startswith("#")] == [
        line for line in path.read_text().splitlines() if line.startswith("#")
    ]
    assert "[wiki] # classic" in path.read_text()


def test_a_name_is_not_taken_twice(path: Path) -> None:
    path.write_text(TEXT)

    with pytest.raises(BadSetting, match="names a portal 'shop' already"):
        put_portal(path, "shop", SHOP)

    assert path.read_text() == TEXT


@pytest.mark.parametrize(
    "text",
    [
        'shop.webhook = { env = "A" }\n# about b\nb.webhook = { env = "B" }\n',
        'b = { webhook = { env = "B" } }\nshop = { webhook = { env = "A" } }\n',
        '[shop.webhook]\nenv = "A"\n[b.webhook]\nenv = "B"\n',
        '[shop]\r\nwebhook = { env = "A" }\r\n\r\n[b]\r\nwebhook = { env = "B" }',
    ],
    ids=["dotted", "inline", "tables", "CRLF"],
)
def test_other_ways_to_write_an_entry_are_changed_or_left_alone(path: Path, text: str) -> None:
    path.write_bytes(text.encode())

    with contextlib.suppress(BadSetting):
        put_portal(path, "shop", SHOP, replaces=True)

    left = path.read_bytes()
    replaced = read_portals(path).by_name
    assert left == text.encode() or replaced["shop"].webhook == Secret(file=str(path.parent / "credentials/shop"))  # fmt: skip
    assert replaced["b"] == Portal(webhook=Secret(env="B"))
    remove_portal(path, "shop")
    assert list(read_portals(path).by_name) == ["b"]


def test_the_file_behind_a_link_is_changed_and_keeps_its_mode(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "p.toml"
    real.parent.mkdir()
    real.write_text(TEXT)
    real.chmod(0o640)
    path.symlink_to(real)

    put_portal(path, "new", SHOP)

    assert path.is_symlink()
    assert "[new]" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640


def test_writers_wait_for_each_other(path: Path) -> None:
    writers = [
        threading.Thread(target=put_portal, args=(path, f"p{number}", SHOP)) for number in range(12)
    ]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert set(read_portals(path).by_name) == {f"p{number}" for number in range(12)}
    assert [file.name for file in path.parent.iterdir()] == ["portals.toml"]


def test_a_file_that_cannot_be_written_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BadSetting, match=r"file/portals\.toml can't be changed"):
        put_portal(tmp_path / "file" / "portals.toml", "shop", SHOP)


def test_a_file_with_a_mistake_is_not_changed(path: Path) -> None:
    path.write_text("[shop]\nplan = 'enterprise'\n")

    with pytest.raises(BadSetting, match=r"portals\.toml:1: shop: it needs webhook"):
        put_portal(path, "new", SHOP)

    assert path.read_text() == "[shop]\nplan = 'enterprise'\n"


names = st.from_regex(r"[a-zé][\w.-]{0,8}", fullmatch=True).filter(
    lambda text: is_normalized("NFC", text)
)
secrets = st.builds(
    lambda kind, text: {kind: text},
    st.sampled_from(["file", "keyring"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8),
)
entries = st.fixed_dictionaries(
    {"webhook": secrets}, optional={"plan": st.just("standard"), "ca_file": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)}
)  # fmt: skip
comments = st.lists(st.sampled_from(["", "# one", "# [x]", "  # y = 1", "#"]), max_size=3)


@st.composite
def files(draw) -> tuple[str, dict]:
    """A file, with comments between and behind everything."""
    told = draw(st.dictionaries(names, entries, max_size=4))
    lines = draw(comments)
    for name, fields in told.items():
        alone = with_entry("", name, fields, None).split("\n")[:-1]
        for line in alone:
            behind = draw(st.sampled_from(["", "  # why", " # a # b"]))
            lines += [line + behind, *draw(comments)]
    return "".join(f"{line}\n" for line in lines), told


@given(files(), names, entries)
def test_a_change_says_what_it_should_and_loses_no_comment(file, name: str, fields) -> None:
    text, told = file

    changed = with_entry(text, name, fields, told.get(name))

    assert tomllib.loads(changed) == {**told, name: fields}
    assert list(tomllib.loads(changed)) == list({**told, name: fields})
    # Comments behind a key that is gone are gone with it, and no other.
    kept = [line for line in text.split("\n") if line.lstrip().startswith("#")]
    assert [line for line in changed.split("\n") if line.lstrip().startswith("#")] == kept


@given(files(), st.data())
def test_a_removal_leaves_the_rest_as_it_was(file, data) -> None:
    text, told = file
    if not told:
        return
    name = data.draw(st.sampled_from(sorted(told)))

    left = without_entry(text, name)

    assert tomllib.loads(left) == {other: told[other] for other in told if other != name}
    rest = iter(text.split("\n"))
    assert all(line in rest for line in left.split("\n"))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_stands_in_a_file_is_read_or_told(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "portals.toml"
        path.write_bytes(data)
        with contextlib.suppress(BadSetting):
            read_portals(path)
