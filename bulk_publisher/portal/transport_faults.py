"""What became of a request that was not answered: the errors of the HTTP client as faults.

None of their own messages is repeated, since they may hold the URL and so the webhook's secret: what
is said is their kind, the host, and the system's words for its own errors.
"""

import errno
import os
import re
import socket
from http import HTTPStatus

import aiohttp

from bulk_publisher.model import Fault
from bulk_publisher.portal import faults
from bulk_publisher.portal.proxy import Proxy

CONNECT_TIMEOUT = 15.0
ANSWER_TIMEOUT = 75.0
"""A request ends within 60 s [doc]; the rest is for the way and for the front server's 504."""

_SERVER_ERRORS = range(500, 600)

_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
"""What OpenSSL says of bytes that are no TLS; which of them depends on the bytes and its version."""

_NO_NAME = {getattr(socket, name, None) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")}
"""What a name server says of a name that is none; anything else may pass."""
_NO_WAY = {
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.EHOSTDOWN,
    errno.EADDRNOTAVAIL,
}
"""What the system says where no network leads to an address: nobody there was asked."""
_NO_FILES = {errno.EMFILE, errno.ENFILE}


def transport_fault(error: Exception, host: str, proxy: Proxy | None) -> Fault:
    """What *error* says of a request to *host*, and of whether it may have been done."""
    through = "" if proxy is None else f" through the proxy {proxy.name}"
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(
        error, aiohttp.ClientSSLError
    ):
        code = _fault_of_this_machine(error)
        if code is not None:
            said = f"No connection to {host}{through}: {_reason(error)}."
            return faults.own_fault(code, said, sent=False)
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return _tls_fault(error, host)
        case aiohttp.ClientHttpProxyError() if proxy is not None:
            return _proxy_fault(error.status, proxy)
        # Where there is a proxy, the name that is looked up and the socket that is opened are its own.
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientConnectorDNSError() | aiohttp.ConnectionTimeoutError() if proxy is not None:  # fmt: skip
            return faults.own_fault(
                faults.PROXY_FAILED,
                f"No connection through the proxy {proxy.name}: {_reason(error)}.",
                sent=False,
            )
        case aiohttp.ConnectionTimeoutError() | aiohttp.ClientConnectorError():
            return faults.own_fault(
                faults.UNREACHABLE,
                f"No connection to {host}{through}: {_reason(error)}.",
                sent=False,
            )
        case TimeoutError():
            return faults.own_fault(
                faults.NO_ANSWER, f"No answer{through} within {ANSWER_TIMEOUT:.0f} s.", sent=True
            )
        case _:
            return faults.own_fault(
                faults.NO_ANSWER,
                f"The connection{through} broke ({type(error).__name__}).",
                sent=None,
            )


def _proxy_fault(status: int, proxy: Proxy) -> Fault:
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        code = faults.PROXY_WANTS_LOGIN
    else:
        code = faults.PROXY_FAILED if status in _SERVER_ERRORS else faults.PROXY_REFUSED
    return faults.own_fault(code, f"The proxy {proxy.name} answered {status}.", sent=False)


def _tls_fault(
    error: aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError, host: str
) -> Fault:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "") or "it is not trusted"
        return faults.own_fault(
            faults.BAD_CERTIFICATE,
            f"No trusted connection to {host}: {why.rstrip('.')}.",
            sent=False,
        )
    why = getattr(error.os_error, "reason", None) or type(error.os_error).__name__
    said = (
        f"{host} does not speak TLS."
        if why in _NO_TLS
        else f"TLS with {host} failed: {why.lower().replace('_', ' ')}."
    )
    return faults.own_fault(faults.NO_TLS, said, sent=False)


def _fault_of_this_machine(error: aiohttp.ClientConnectorError) -> str | None:
    """Our code for a connection that this machine could not even try; None where it could."""
    numbers = _numbers(error.os_error)
    if numbers & _NO_FILES or _may_open_no_file():
        return faults.TOO_MANY_FILES
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return None if error.os_error.errno in _NO_NAME else faults.NO_NETWORK
    # Of several addresses the one that says more decides: somebody refused, or did not answer.
    return faults.NO_NETWORK if numbers and numbers <= _NO_WAY else None


def _may_open_no_file() -> bool:
    """Whether that is what is behind an error: a name server's answer does not tell."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in _NO_FILES
    return False


def _numbers(error: OSError) -> set[int]:
    """The system's numbers of *error*, which may be of several addresses that were tried."""
    if error.errno:
        return {error.errno}
    return {int(number) for number in re.findall(r"\[Errno (\d+)\]", str(error))}


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError) and _may_open_no_file():
        return "too many open files"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        is_none = error.os_error.errno in _NO_NAME
        return "unknown host name" if is_none else "the host name can't be looked up right now"
    if isinstance(error, aiohttp.ClientConnectorError):
        # asyncio puts the address where the system's words should be.
        words = [os.strerror(number) for number in sorted(_numbers(error.os_error))]
        return ", ".join(words) or type(error.os_error).__name__
    return f"timed out after {CONNECT_TIMEOUT:.0f} s"
