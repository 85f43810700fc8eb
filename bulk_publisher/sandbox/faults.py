"""What goes wrong, and when: by dice with a seed, or by a script in time."""

from random import Random

from bulk_publisher.sandbox.scenario import (
    COMMAND_FAULTS,
    REQUEST_FAULTS,
    Scenario,
    TimedFault,
)

_PAGE = (
    "<html>\r\n<head><title>{text}</title></head>\r\n<body>\r\n"
    "<center><h1>{text}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_REASONS = {
    200: "The server is busy",
    302: "302 Found",
    403: "403 Forbidden",
    404: "404 Not Found",
    429: "429 Too Many Requests",
    500: "500 Internal Server Error",
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
}


def html_page(status: int) -> bytes:
    """The front server's own page for *status*."""
    return _PAGE.format(text=_REASONS[status]).encode()


class Dice:
    """Draws the fault of each request and each command, if any.

    The script goes before the dice.
    """

    def __init__(self, scenario: Scenario, rng: Random, *, started_at: float) -> None:
        self._rng = rng
        self._started_at = started_at
        self._script = scenario.script
        faults = scenario.faults
        self._by_request = {name: faults[name] for name in REQUEST_FAULTS if faults.get(name)}
        self._by_token = {name: chance for name, chance in scenario.token_faults.items() if chance}
        self._by_command = {name: faults[name] for name in COMMAND_FAULTS if faults.get(name)}
        self._commands_scripted = any(fault.fault in COMMAND_FAULTS for fault in self._script)

    def request_fault(self, now: float) -> str:
        """What goes wrong with a request that arrives at *now*; "" for nothing."""
        for fault in self._script:
            if fault.fault in REQUEST_FAULTS and self._hits(fault, now):
                return fault.fault
        return self._draw(self._by_request)

    def token_fault(self) -> str:
        """What goes wrong with a request to the OAuth server; "" for nothing."""
        return self._draw(self._by_token)

    def command_fault(self, now: float) -> str:
        """What goes wrong with a command that runs at *now*; "" for nothing."""
        if self._commands_scripted:
            for fault in self._script:
                if fault.fault in COMMAND_FAULTS and self._hits(fault, now):
                    return fault.fault
        return self._draw(self._by_command)

    def _hits(self, fault: TimedFault, now: float) -> bool:
        since = now - self._started_at - fault.at
        if not 0 <= since < fault.seconds:
            return False
        return fault.share >= 1 or self._rng.random() < fault.share

    def _draw(self, chances: dict[str, float]) -> str:
        # One throw each: the probabilities may add up to more than one.
        for name, chance in chances.items():
            if self._rng.random() < chance:
                return name
        return ""
