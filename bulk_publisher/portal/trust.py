"""Whose certificates are believed: the authorities that are named, or the system's.

OpenSSL passes over a file or a folder of ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` that it can't use, and
then trusts nobody; here that is said.
"""

import os
import re
import select
import ssl
import stat
from pathlib import Path
from weakref import WeakValueDictionary

from bulk_publisher.errors import BadSetting

_WRITER_IS_AWAITED = 10.0
"""Seconds in which a program must write to a pipe."""
_LARGEST = 16 * 2**20
"""Bytes: all authorities of a system take a quarter of a megabyte."""
_HASHED = re.compile(r"[0-9a-f]{8}\.r?[0-9]+")
"""How OpenSSL looks for a certificate in a folder: by the hash of whom it is of."""
_PEM = "Name a PEM file with the certificate authority's certificate."


_in_use: "WeakValueDictionary[tuple[object, ...], ssl.SSLContext]" = WeakValueDictionary()
"""One for all portals that trust the same: two hundred of them took 160 MB and seven seconds. Whoever comes
when none is in use any more reads the files again."""


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Whom to trust: the authorities in *ca_file*, or the system's and those that the environment names.

    It is shared with others, and not to be changed.

    Raises:
        BadSetting: If *ca_file*, or what the environment names, cannot be read.
    """
    named = [os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")]
    files = [str(ca_file)] if ca_file is not None else named
    key = (ca_file is None, *((file, _version(file)) for file in files))
    context = _in_use.get(key)
    if context is None:
        context = _in_use[key] = _made(ca_file)
    return context


def _version(file: str | None) -> tuple[int, ...]:
    """Another one when the file has been written since; of a pipe, which is read once, always the same."""
    if not file:
        return ()
    try:
        status = Path(file).stat()
    except (OSError, ValueError):
        return ()
    written = 0 if stat.S_ISFIFO(status.st_mode) else status.st_mtime_ns
    return status.st_dev, status.st_ino, written


def _made(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is not None:
        _check_file(ca_file, str(ca_file), _PEM)
        if ca_file.is_fifo():
            return _context_of_pipe(ca_file)
        return ssl.create_default_context(cafile=ca_file)
    paths = ssl.get_default_verify_paths()
    named_file, named_dir = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if named_file:
        name, hint = f"SSL_CERT_FILE: {named_file}", f"{_PEM} Or unset it."
        if Path(named_file).is_fifo():
            raise BadSetting(f"{name}: that is no file of certificates.", hint)
        _check_file(Path(named_file), name, hint)
    if named_dir:
        _check_folders(named_dir)
    context = ssl.create_default_context()
    # OpenSSL takes an empty name for one that there is: for the rest of the world it is none.
    if named_file == "" and Path(paths.openssl_cafile).is_file():
        context.load_verify_locations(cafile=paths.openssl_cafile)
    if named_dir == "" and Path(paths.openssl_capath).is_dir():
        context.load_verify_locations(capath=paths.openssl_capath)
    return context


def _check_file(path: Path, name: str, hint: str) -> None:
    """Raise what is wrong with a file of certificates, if anything is."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise BadSetting(f"{name}: a folder: no certificates can be read from it.", hint)  # fmt: skip
        is_file = stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)
        if not is_file or status.st_size > _LARGEST:
            raise BadSetting(f"{name}: not a file of certificates.", hint)
        if stat.S_ISREG(status.st_mode):
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise BadSetting(f"{name}: no certificates can be read from it.", hint) from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no file can have this name"
        raise BadSetting(f"{name}: no certificates can be read from it: {why}.", hint) from error


def _context_of_pipe(path: Path) -> ssl.SSLContext:
    """Whom to trust by what is written to a pipe, ``--ca-file <(…)``.

    OpenSSL would open it by itself, and wait for a writer where no signal is heeded.
    """
    written = b""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb", buffering=0) as pipe:
            waiting = select.poll()
            waiting.register(pipe, select.POLLIN)
            # poll() is silent where there is no writer, and says where one is gone.
            if not waiting.poll(_WRITER_IS_AWAITED * 1000):
                raise BadSetting(f"{path}: nobody wrote to this pipe.", _PEM)
            os.set_blocking(fd, True)
            while len(written) <= _LARGEST and (more := pipe.read(1 << 16)):
                written += more
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=written.decode("ascii", "replace"))
    except (OSError, ValueError) as error:
        raise BadSetting(f"{path}: no certificates can be read from it.", _PEM) from error
    return context


def _check_folders(named: str) -> None:
    """Raise it if none of the folders in *named* holds a certificate that OpenSSL would find."""
    folders = [folder for folder in named.split(os.pathsep) if folder]
    if any(_holds_certificates(folder) for folder in folders):
        return
    raise BadSetting(
        f"SSL_CERT_DIR: {named}: no certificates can be read from it.",
        "Name a folder of certificates that 'openssl rehash FOLDER' was run on, or unset it.",
    )


def _holds_certificates(folder: str) -> bool:
    try:
        return any(_HASHED.fullmatch(name) for name in os.listdir(folder))  # noqa: PTH208 - names alone
    except (OSError, ValueError):
        return False
