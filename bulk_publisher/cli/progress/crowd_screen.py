"""Many runs in a terminal: as many lines at its bottom as it has room for, and they go when all have ended."""

from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from bulk_publisher.cli.output.alphabet import shown_by
from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.crowd_progress import CrowdProgress
from bulk_publisher.cli.progress.screen import until_continued
from bulk_publisher.operations.many import PortalJob
from bulk_publisher.text.escaping import legible

_MOST_LINES = 20
"""Beyond them nobody reads."""


class CrowdScreen(CrowdProgress):
    """Redrawn twice a second, at whatever size the terminal has by then."""

    every = 0.5

    def __init__(
        self, output: Output, jobs: Sequence[PortalJob], console: Console | None = None
    ) -> None:
        super().__init__(output, jobs)
        self._console = console or Console(
            stderr=True, no_color=not output.has_colour, highlight=False
        )
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._pausing = until_continued(self._console, output)

    def start(self) -> None:
        self._pausing.__enter__()
        self._live.start()
        super().start()

    def finish(self) -> None:
        self._live.stop()
        self._pausing.__exit__(None, None, None)
        super().finish()

    def show(self) -> None:
        width, height = self._console.size
        # The cursor stands in the line below.
        most = max(1, min(_MOST_LINES, height - 1))
        lines = [
            _line(self._as_shown(text), width, is_trouble=is_trouble)
            for text, is_trouble in self.crowd.lines(most)
        ]
        self._live.update(Group(*lines), refresh=True)

    def warn(self, text: str) -> None:
        self._console.print(Text(legible(self._as_shown(text)), style="yellow"))

    def _as_shown(self, text: str) -> str:
        return shown_by(self._console.file, text)


def _line(text: str, width: int, *, is_trouble: bool) -> Text:
    line = Text(legible(text), style="yellow" if is_trouble else "")
    line.truncate(width, overflow="crop")
    line.no_wrap = True
    return line
