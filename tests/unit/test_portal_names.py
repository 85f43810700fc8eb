"""A portal's secret is kept for its owner alone, and goes with its name where it was kept for that."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from keyring.backends import fail

from bulk_publisher.errors import BadSetting
from bulk_publisher.jobs import Secret, read_portals
from bulk_publisher.operations.portal_names import Named, forget_portal, keep_portal
from tests.keyrings import KeptKeyring, used

URL = "https://shop.bitrix24.com/rest/1/0123456789abcdef/"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.fixture
def path(home: dict[str, str]) -> Path:
    return Path(home["XDG_CONFIG_HOME"]) / "bulk-publisher" / "portals.toml"


@pytest.fixture
def kept() -> Iterator[KeptKeyring]:
    backend = KeptKeyring()
    with used(backend):
        yield backend


def keep(path: Path, home: dict[str, str], name: str = "shop", **how: bool) -> Secret:
    return keep_portal(Named(path, name), URL, home, **{"in_keyring": False, "replaces": False, **how})  # fmt: skip


def test_a_secret_is_its_owners_alone_and_not_for_git(path: Path, home) -> None:
    place = keep(path, home)

    file = path.parent / "credentials/shop"
    assert place == Secret(file=str(file))
    assert file.read_text() == URL + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert (file.parent / ".gitignore").read_text() == "*\n"
    assert path.read_text() == '[shop]\nwebhook = { file = "credentials/shop" }\n'


def test_a_file_of_portals_elsewhere_names_the_secret_by_its_whole_path(
    tmp_path: Path, path: Path, home
) -> None:
    keep(tmp_path / "git" / "team.toml", home)

    entry = read_portals(tmp_path / "git" / "team.toml").find("shop")
    assert entry.webhook == Secret(file=str(path.parent / "credentials/shop"))


def test_what_is_in_the_way_is_a_link_and_is_not_followed(tmp_path: Path, path: Path, home) -> None:
    (path.parent / "credentials").mkdir(parents=True)
    (tmp_path / "victim").write_text("as it was")
    (path.parent / "credentials/shop").symlink_to(tmp_path / "victim")

    with pytest.raises(BadSetting, match="kept under that name already"):
        keep(path, home)
    keep(path, home, replaces=True)

    assert (tmp_path / "victim").read_text() == "as it was"
    assert (path.parent / "credentials/shop").read_text() == URL + "\n"


def test_a_secret_that_moves_leaves_nothing_where_it_was(path: Path, home, kept) -> None:
    keep(path, home)

    keep(path, home, in_keyring=True, replaces=True)

    assert kept.entries == {"bulk-publisher/shop": URL}
    assert [file.name for file in (path.parent / "credentials").iterdir()] == [".gitignore"]
    assert read_portals(path).find("shop").webhook == Secret(keyring="shop")


def test_a_secret_that_is_replaced_in_its_place_stays_there(path: Path, home, kept) -> None:
    keep(path, home, in_keyring=True)
    keep(path, home, in_keyring=True, replaces=True)

    assert kept.entries == {"bulk-publisher/shop": URL}


def test_a_name_or_a_secret_that_is_taken_is_refused(tmp_path: Path, path: Path, home) -> None:
    keep(path, home)

    with pytest.raises(BadSetting, match="names a portal 'shop' already"):
        keep(path, home)
    with pytest.raises(BadSetting, match="another file of portals may use it"):
        keep(tmp_path / "other.toml", home)
    with pytest.raises(BadSetting, match="can't be a portal's name"):
        keep(path, home, "../x", replaces=True)


def test_what_cannot_be_named_keeps_no_secret(tmp_path: Path, path: Path, home) -> None:
    (tmp_path / "file").write_text("")
    nowhere = Named(tmp_path / "file" / "portals.toml", "shop")

    with pytest.raises(BadSetting, match="can't be"):
        keep_portal(nowhere, URL, home, in_keyring=False, replaces=True)

    assert not (path.parent / "credentials/shop").exists()


def test_without_a_keyring_nothing_is_kept(path: Path, home) -> None:
    with used(fail.Keyring()), pytest.raises(BadSetting, match="no system keyring"):
        keep(path, home, in_keyring=True)

    assert not path.exists()


def test_a_secret_goes_with_its_name(path: Path, home, kept) -> None:
    keep(path, home)
    keep(path, home, "wiki", in_keyring=True)

    gone = [forget_portal(path, name, home) for name in ("shop", "wiki")]

    assert [was_removed for _, was_removed in gone] == [True, True]
    assert kept.entries == {}
    assert not (path.parent / "credentials/shop").exists()
    assert path.read_text() == ""


def test_a_secret_that_others_use_or_keep_stays(tmp_path: Path, path: Path, home) -> None:
    keep(path, home)
    (tmp_path / "mine").write_text(URL)
    with path.open("a") as file:
        file.write('[same]\nwebhook = { file = "credentials/../credentials/shop" }\n')
        file.write(f'[mine]\nwebhook = {{ file = "{tmp_path}/mine" }}\n[env]\nwebhook = {{ env = "A" }}\n')  # fmt: skip

    gone = [forget_portal(path, name, home) for name in ("shop", "mine", "env")]

    assert [was_removed for _, was_removed in gone] == [False, False, False]
    assert (path.parent / "credentials/shop").exists()
    assert (tmp_path / "mine").exists()
    assert forget_portal(path, "same", home)[1]
    assert not os.path.lexists(path.parent / "credentials/shop")
