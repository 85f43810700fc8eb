"""Which progress suits where the words go."""

from bulk_publisher.cli.output.output import Output
from bulk_publisher.cli.progress.progress import Progress


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
