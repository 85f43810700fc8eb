"""Where Prometheus reads the numbers: a port of this machine, or a file for the node exporter's textfile collector."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bulk_publisher.cli.progress.families import PREFIX
from bulk_publisher.errors import BadSetting
from bulk_publisher.report.writing import file_at

if TYPE_CHECKING:
    from threading import Thread
    from wsgiref.simple_server import WSGIServer

    from prometheus_client import CollectorRegistry

_ADDRESS = "127.0.0.1"
"""What a run does is this machine's business: an agent or a proxy on it may pass it on."""
_LARGEST = 16 * 2**20
"""Bytes of an earlier file that is read: a thousand portals take a tenth of it."""


class Port:
    """A port at which the numbers can be read, until it is closed."""

    def __init__(self, registry: "CollectorRegistry", port: int) -> None:
        """Serve them from now on, in a thread.

        Raises:
            BadSetting: If the port can't be used.
        """
        from prometheus_client import start_http_server

        self._server: WSGIServer
        self._thread: Thread
        try:
            self._server, self._thread = start_http_server(port, addr=_ADDRESS, registry=registry)
        except OSError as error:
            raise BadSetting(
                f"--metrics-port {port}: can't be used: {error.strerror}.", "Choose a free port."
            ) from error

    def close(self) -> None:
        """Serve them no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def check_metrics_file(path: Path) -> None:
    """See that *path* can be a file for the textfile collector.

    Raises:
        BadSetting: If it can't.
    """
    if path.suffix != ".prom":
        raise BadSetting(
            f"--metrics-file {path}: the textfile collector reads only files that end in .prom.",
            f"Name it {path.with_suffix('.prom')}.",
        )
    if not path.parent.is_dir():
        raise BadSetting(
            f"--metrics-file {path}: there is no folder {path.parent}.", "Make it first."
        )


def write_metrics(registry: "CollectorRegistry", path: Path) -> None:
    """The numbers as they are now in *path*, all at once: the collector never reads half of them.

    Raises:
        BadSetting: If it can't be written.
    """
    data = page_of(registry)
    with file_at(path) as file:
        file.write(data)


def page_of(registry: "CollectorRegistry") -> bytes:
    """The numbers as they are now, in Prometheus's text format."""
    from prometheus_client import generate_latest

    return generate_latest(registry)


def successes_in(path: Path) -> Iterator[tuple[str, str, float]]:
    """What the file that an earlier process has written to *path* says of last successes.

    Gives job, portal and UTC seconds; nothing where there is no such file, or another one.
    """
    from prometheus_client.parser import text_string_to_metric_families

    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST).decode()
        for family in text_string_to_metric_families(text):
            if family.name == f"{PREFIX}last_success_timestamp_seconds":
                for sample in family.samples:
                    labels = sample.labels
                    yield labels.get("job", ""), labels.get("portal", ""), sample.value
    except (OSError, ValueError, KeyError, IndexError):
        return
