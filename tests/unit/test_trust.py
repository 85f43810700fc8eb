"""Whose certificates are believed, and what is said where they can't be read."""

import os
import ssl
from pathlib import Path

import pytest

from bulk_publisher.errors import BadSetting
from bulk_publisher.portal import trust
from bulk_publisher.portal.trust import tls_context


@pytest.fixture(autouse=True)
def _no_authorities_named(monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


@pytest.fixture
def bad(tmp_path):
    """Paths from which no certificates can be read, by what is wrong with them."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.pem").write_text("hello\n")
    (tmp_path / "empty.pem").write_bytes(b"")
    (tmp_path / "half.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n")
    names = {"missing": "missing.pem", "folder": "folder", "text": "text.pem"}
    names |= {"empty": "empty.pem", "half": "half.pem", "below a file": "text.pem/x"}
    return {what: tmp_path / name for what, name in names.items()}


WRONG = ["missing", "folder", "text", "empty", "half", "below a file"]


@pytest.mark.parametrize("what", WRONG)
def test_a_file_that_the_environment_names_is_checked_as_the_option_s(bad, what, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(bad[what]))

    with pytest.raises(BadSetting, match="no certificates can be read") as named:
        tls_context(None)
    with pytest.raises(BadSetting, match="no certificates can be read") as given:
        tls_context(bad[what])

    assert named.value.message.startswith(f"SSL_CERT_FILE: {bad[what]}: ")
    assert given.value.message.startswith(f"{bad[what]}: ")


def test_a_pipe_that_nobody_writes_to_is_given_up(monkeypatch, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(trust, "_WRITER_IS_AWAITED", 0.01)

    with pytest.raises(BadSetting, match="nobody wrote to this pipe"):
        tls_context(tmp_path / "pipe")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "pipe"))
    with pytest.raises(BadSetting, match="no file of certificates"):
        tls_context(None)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "x\0y"])
def test_what_is_no_file_is_not_read(path):
    with pytest.raises(BadSetting):
        tls_context(Path(path))


@pytest.mark.parametrize("what", ["missing", "folder", "text"])
def test_a_folder_that_holds_no_certificates_is_refused(bad, what, monkeypatch):
    monkeypatch.setenv("SSL_CERT_DIR", str(bad[what]))

    with pytest.raises(BadSetting, match=r"SSL_CERT_DIR: .*no certificates can be read"):
        tls_context(None)


def test_one_folder_of_several_is_enough(bad, tmp_path, monkeypatch):
    good = tmp_path / "good"
    good.mkdir()
    (good / "5ed36f99.0").write_text("a certificate")
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join([str(bad["missing"]), str(good)]))

    assert isinstance(tls_context(None), ssl.SSLContext)


def test_what_is_named_is_no_matter_where_the_option_names_another(bad, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(bad["missing"]))

    with pytest.raises(BadSetting) as refused:
        tls_context(bad["text"])

    assert "SSL_CERT_FILE" not in refused.value.message


def test_an_empty_name_is_none(monkeypatch):
    expected = len(tls_context(None).get_ca_certs())
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.setenv("SSL_CERT_DIR", "")

    assert len(tls_context(None).get_ca_certs()) == expected


def test_who_trusts_the_same_shares_one_context_until_the_file_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    authority = Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")
    file = tmp_path / "ca.pem"
    file.write_bytes(authority.read_bytes())

    first, again, system = tls_context(file), tls_context(file), tls_context(None)
    os.utime(file, ns=(1, 1))
    changed = tls_context(file)

    assert first is again
    assert system is tls_context(None)
    assert len({id(one) for one in (first, system, changed)}) == 3
