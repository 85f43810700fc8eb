"""The way to the database, encrypted: with its authority it works, with another one or none it is a line."""

import datetime
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("psycopg")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bulk_publisher.cli import main
from tests.postgres_server import PostgresServer, binaries

pytestmark = [pytest.mark.service, pytest.mark.real_time]

_Signer = tuple[x509.Name, ec.EllipticCurvePrivateKey]


class EncryptedServer(PostgresServer):
    """A server on a port of its own, which takes encrypted connections alone from there."""

    def __init__(self, folder: Path, programs: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        super().__init__(folder, programs, is_safe=False)

    def start(self) -> None:
        (self.folder / "data/pg_hba.conf").write_text(
            "local all all trust\nhostssl all all 127.0.0.1/32 trust\n"
        )
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "fsync": "off",
            "ssl": "on",
            "ssl_cert_file": self.folder / "server.crt",
            "ssl_key_file": self.folder / "server.key",
        }
        told = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-o", f"-k {self.folder} {told}", "-l", f"{self.folder}/log", "-w", "start")  # fmt: skip


def _certificate(name: str, folder: Path, file: str, signer: _Signer | None, *hosts: str) -> _Signer:  # fmt: skip
    """A certificate of *name*, signed by *signer* or by itself, with its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signing = signer or (subject, key)
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
    )
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        built = built.add_extension(names, critical=False)
    pem = serialization.Encoding.PEM
    (folder / f"{file}.crt").write_bytes(built.sign(signing, hashes.SHA256()).public_bytes(pem))
    plain = serialization.NoEncryption()
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (folder / f"{file}.key").write_bytes(secret)
    (folder / f"{file}.key").chmod(0o600)
    return subject, key


@pytest.fixture(scope="module")
def server() -> Iterator[EncryptedServer]:
    programs = binaries()
    folder = Path(tempfile.mkdtemp(prefix="bulk-publisher-tls-"))
    before = os.environ.get("PGPORT")
    try:
        folder.chmod(0o755)
        authority = _certificate("authority of a test", folder, "ca", None)
        _certificate("server of a test", folder, "server", authority, "localhost")
        _certificate("another authority", folder, "other", None)
        if os.getuid() == 0:
            shutil.chown(folder / "server.key", "postgres")
        running = EncryptedServer(folder, programs)
        os.environ["PGPORT"] = str(running.port)
        running.sql("CREATE DATABASE bulk")
        yield running
        running.stop()
    finally:
        os.environ.pop("PGPORT", None)
        if before is not None:
            os.environ["PGPORT"] = before
        shutil.rmtree(folder, ignore_errors=True)


def _migrate(server: EncryptedServer, host: str, parameters: str) -> Result:
    url = f"postgresql://postgres@{host}:{server.port}/bulk?{parameters}"
    return CliRunner().invoke(main, ("store", "migrate", "--store", url))


def test_with_its_authority_the_database_is_reached_encrypted(server: EncryptedServer) -> None:
    done = _migrate(server, "localhost", f"sslmode=verify-full&sslrootcert={server.folder}/ca.crt")

    assert done.exit_code == 0, done.output
    assert "schema is" in done.output
    assert _migrate(server, "localhost", "sslmode=disable").exit_code == 2


@pytest.mark.parametrize(
    ("host", "parameters", "said"),
    [
        ("localhost", "sslmode=verify-full&sslrootcert={}/other.crt", "certificate verify failed"),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert={}/ca.crt", "does not match host name"),
        ("localhost", "sslmode=verify-full&sslrootcert={}/nowhere.crt", "does not exist"),
    ],
    ids=["another authority", "another host", "no authority"],
)
def test_what_can_t_be_verified_is_a_line(
    server: EncryptedServer, host: str, parameters: str, said: str
) -> None:
    done = _migrate(server, host, parameters.format(server.folder))

    words = " ".join(done.output.split())
    assert done.exit_code == 2
    assert said in words
    assert "sslrootcert=FILE" in words
    assert "Traceback" not in words
