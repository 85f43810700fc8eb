"""What a supervisor such as systemd is told: that we are ready, alive, and about to end.

Source: sd_notify(3): datagrams to the socket that NOTIFY_SOCKET names; an ``@`` stands for an abstract one.
"""

import socket
from collections.abc import Mapping
from contextlib import suppress

from bulk_publisher.clock import Clock
from bulk_publisher.model import Mono

_SELDOM = 3600.0


class Supervisor:
    """Who has started us; nobody hears where no socket is named."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Nothing is told yet."""
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        usec = environment.get("WATCHDOG_USEC", "")
        # Twice as often as it is expected.
        self._every = int(usec) / 2e6 if usec.isdecimal() and int(usec) else _SELDOM

    def tell(self, word: str) -> None:
        """Send *word*; who does not listen is not waited for."""
        if self._address:
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
                told.setblocking(False)
                told.sendto(word.encode(), self._address)

    async def watch(self, clock: Clock) -> None:
        """Say that we are ready, and from then on that the loop goes round."""
        self.tell("READY=1")
        while True:
            await clock.sleep_until(Mono(clock.now() + self._every))
            self.tell("WATCHDOG=1")
