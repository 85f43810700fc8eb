"""One call of a method: what it was given, who asks, and what PHP still remembers of the request.

Pure: the time is set by whoever drives the call.
"""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from bulk_publisher.sandbox import php
from bulk_publisher.sandbox.scenario import Scenario, User
from bulk_publisher.sandbox.world import SiteRow, World

DEFAULT_TYPES = ("PAGE", "STORE", "SMN")
SPECIAL_TYPES = ("KNOWLEDGE", "GROUP", "MAINPAGE")

# Yields the seconds of work up to the next point that shows outside; returns PHP's result.
Steps = Generator[float, None, object]


class RestError(Exception):
    """An error as the portal answers it: in the envelope when alone, in result_error in a batch."""

    def __init__(
        self, code: str | int, description: str = "", *, status: int = 400, **extra: object
    ) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.status = status
        self.extra = extra

    def body(self) -> dict[str, object]:
        """The error as JSON holds it."""
        return {"error": self.code, "error_description": self.description, **self.extra}


class PhpFatal(Exception):
    """PHP ends in the middle: a page of HTML with *status* instead of an answer."""

    def __init__(self, status: int = 500) -> None:
        super().__init__(status)
        self.status = status


class Credential(NamedTuple):
    """Who asks.

    Attributes:
        kind: ``apauth`` (a webhook) or ``oauth``.
        id: What the operating meters are kept by.
    """

    kind: str
    id: str
    user: User


@dataclass(slots=True)
class Memory:
    """PHP's static variables: they live as long as one HTTP request, batch included.

    Attributes:
        published: Where the pages are that the request has published so far.

    Source: docs/bitrix24-dossier.md §1.4, §3 [source].
    """

    types: tuple[str, ...] = DEFAULT_TYPES
    sites_checked: set[int] = field(default_factory=set)
    sites_updated: set[int] = field(default_factory=set)
    page_limit_reached: bool | None = None
    published: list[int] = field(default_factory=list)

    def set_scope(self, scope: object) -> None:
        """Takes a ``scope`` parameter: an unknown word falls back to the default types."""
        if not isinstance(scope, str) or not scope.strip():
            return
        kind = scope.strip().upper()
        self.types = (kind,) if kind in SPECIAL_TYPES else DEFAULT_TYPES


@dataclass(slots=True, kw_only=True)
class Call:
    """One method being called.

    ``now`` is moved on by the driver while the steps are waited out.
    """

    world: World
    scenario: Scenario
    rng: Random
    credential: Credential
    memory: Memory
    params: dict[str, Any]
    now: float
    rest_host: str
    method_state: Callable[[str], tuple[bool, bool]]

    @property
    def user(self) -> User:
        return self.credential.user

    @property
    def is_cloud(self) -> bool:
        """Whether the portal is one of the vendor's own, where sites have hosts of theirs."""
        return self.scenario.plan != "self-hosted"

    def may_publish(self, site: SiteRow) -> bool:
        """Whether the user has the ``public`` right on *site*."""
        return site.has_public_right and self.user.rights == "publish"

    def may_see(self, site: SiteRow) -> bool:
        """Whether *site* exists for this user in this scope."""
        return not site.deleted and site.has_read_right and site.type in self.memory.types

    def page_cost(self) -> float:
        """Seconds to publish one page: lognormal, by the scenario's mean and spread."""
        return draw_cost(self.rng, self.scenario.cost, self.scenario.cost_spread)

    def required(self, name: str) -> Any:
        """A parameter that must be there; JSON's null counts as absent."""
        value = self.params.get(name)
        if value is None:
            raise RestError("MISSING_PARAMS", f"Invocation parameters not found: {name}")
        return value

    def integer(self, name: str) -> int:
        """A required number; an array is an argument error, text counts by its first digits."""
        value = self.required(name)
        if php.is_array(value):
            raise RestError(
                "ERROR_ARGUMENT",
                f"The value of an argument '{name}' has an invalid type",
                argument=name,
            )
        return php.intval(value)

    def text(self, name: str) -> str:
        """A required text."""
        value = self.required(name)
        if php.is_array(value):
            raise RestError("ERROR_ARGUMENT", f"Argument '{name}' must be a string", argument=name)
        return str(value)

    def array(self, name: str, *, required: bool = False) -> dict[str, Any]:
        """An array parameter, by its keys; a scalar is a type error."""
        value = self.required(name) if required else self.params.get(name)
        if value is None:
            return {}
        if not php.is_array(value):
            raise RestError("TYPE_ERROR", f"Argument {name} must be of the type array")
        return dict(php.items(value))


def draw_cost(rng: Random, mean: float, spread: float) -> float:
    """A lognormal number.

    Args:
        rng: The dice.
        mean: Its mean, in seconds.
        spread: Its standard deviation as a share of the mean; 0: always the mean.
    """
    if spread <= 0 or mean <= 0:
        return mean
    variance = math.log1p(spread * spread)
    return rng.lognormvariate(math.log(mean) - variance / 2, variance**0.5)
