"""Which progress suits where the words go."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.progress import Progress

if TYPE_CHECKING:
    from bulk_publisher.cli.progress.crowd_progress import CrowdProgress
    from bulk_publisher.operations.many import PortalJob


def progress_for(output: Output, mode: str = "auto") -> Progress:
    """What suits *output*; *mode* is one of auto, json and none."""
    from bulk_publisher.cli.progress.plain import JsonLines, PlainLines

    if mode == "json":
        return JsonLines(output)
    if mode == "none" or output.verbosity < 0:
        return Progress(output)
    if output.is_terminal and not output.is_json:
        from bulk_publisher.cli.progress.screen import Screen

        return Screen(output)
    return PlainLines(output)


def crowd_for(output: Output, jobs: "Sequence[PortalJob]") -> "CrowdProgress":
    """What suits *output* where many runs go on."""
    from bulk_publisher.cli.progress.crowd_progress import CrowdJson, CrowdLines, CrowdProgress

    if output.progress == "json":
        return CrowdJson(output, jobs)
    if output.progress == "none" or output.verbosity < 0:
        return CrowdProgress(output, jobs)
    if output.is_terminal and not output.is_json:
        from bulk_publisher.cli.progress.crowd_screen import CrowdScreen

        return CrowdScreen(output, jobs)
    return CrowdLines(output, jobs)
