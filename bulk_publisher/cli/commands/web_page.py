"""The page beside a daemon: opened before it begins, so that what is wrong with it is told at once."""

import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bulk_publisher.cli.commands.parameters.web_options import place_of, tokens_path
from bulk_publisher.cli.output.output import Output
from bulk_publisher.errors import BadSetting

if TYPE_CHECKING:
    from bulk_publisher.serve.daemon import Daemon
    from bulk_publisher.serve.happenings import Happening
    from bulk_publisher.serve.part import Surroundings
    from bulk_publisher.web.guard.page_tokens import PageTokens
    from bulk_publisher.web.place import WebPlace
    from bulk_publisher.web.surroundings import WebSurroundings


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page whose port is taken, and that nobody sees yet."""

    place: "WebPlace"
    tokens: "PageTokens"
    listener: socket.socket
    make: Callable[["WebSurroundings"], Any]
    output: Output
    _said: list[bool] = field(default_factory=list)

    @asynccontextmanager
    async def served(
        self,
        around: "Surroundings",
        daemon: "Daemon",
        metrics: Callable[[], bytes] | None,
    ) -> AsyncIterator[None]:
        """Serve it until the block ends."""
        from bulk_publisher.web.serving import serving
        from bulk_publisher.web.surroundings import WebSurroundings

        surroundings = WebSurroundings(
            around, daemon, self.place, self.tokens, self.output.warn, metrics
        )
        async with serving(self.listener, self.make(surroundings)):
            yield

    def told(self, happening: "Happening") -> None:
        """Say where it is once the daemon has its store: it may find that another one serves it."""
        from bulk_publisher.serve.happenings import JobsRead

        if isinstance(happening, JobsRead) and not self._said:
            self._said.append(True)
            self.output.say(f"The page is at {self.place.url}")


def open_page(output: Output, options: Mapping[str, Any], *, is_once: bool) -> WebPage | None:
    """The page that *options* of ``web_options`` ask for; None for none.

    Raises:
        BadSetting: If it can't be, or nobody would guard it.
    """
    place = place_of(options)
    if place is None:
        return None
    from bulk_publisher.web.guard.page_tokens import PageTokens

    if is_once:
        raise BadSetting("--web does not go with --once: the page would end with what is due.")
    tokens = PageTokens(tokens_path(options["web_tokens"]), output.warn)
    _check_guarded(place, tokens)
    try:
        from bulk_publisher.web.app import make_app
        from bulk_publisher.web.serving import open_socket
    except (ImportError, AttributeError) as error:
        # An aiohttp that is too old has not all the names.
        raise BadSetting(
            "--web needs Jinja2 and aiohttp 3.14 or newer, which are not installed.",
            "Install them with: pip install 'bulk-publisher[web]'",
        ) from error
    if not place.is_loopback and not place.proxies:
        output.warn(
            "The page goes over the network as plain text, tokens too: put a proxy with HTTPS in front"
            " (--web-proxy)."
        )
    return WebPage(place, tokens, open_socket(place), make_app, output)


def _check_guarded(place: "WebPlace", tokens: "PageTokens") -> None:
    """Refuse a page that others reach and nobody could come in to.

    Raises:
        BadSetting: If it is one, or its tokens can't be read.
    """
    known = tokens.all()
    if place.is_loopback or known or place.user_header is not None:
        return
    raise BadSetting(
        f"--web {place.host}:{place.port}: other machines reach this address, and there is no token yet.",
        "Add one with: bulk-publisher web token add NAME --role see. Or let a proxy name its users:"
        " --web-user-header NAME --web-proxy CIDR",
    )
