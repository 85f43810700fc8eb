"""The process that speaks with Apprise: reads an address and a message, sends it, and ends.

Exit status: 0 it was taken, 1 it was not, 2 there is no such service, 3 Apprise is not installed. It says
nothing: what Apprise has to say may hold the address.
"""

import logging
import os
import sys
from contextlib import suppress

import msgspec


def main() -> int:
    """Send what stands on standard input; gives the exit status."""
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=dict[str, str])
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - a device
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)
    logging.disable(logging.CRITICAL)
    try:
        import apprise  # noqa: PLC0415 - it is an extra
    except ImportError:
        return 3
    service = apprise.Apprise()
    if not service.add(asked["url"]):
        return 2
    # Whatever a service's plug-in raises means that the message did not arrive.
    with suppress(Exception):
        is_taken = service.notify(
            title=asked["title"],
            body=asked["body"],
            notify_type=asked["kind"],
            body_format=apprise.NotifyFormat.TEXT,
        )
        return 0 if is_taken else 1
    return 1


if __name__ == "__main__":
    sys.exit(main())
