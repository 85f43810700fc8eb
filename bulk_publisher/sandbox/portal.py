"""The portal's core: who may ask, how often, and what is remembered between requests.

Rules. Pure: the time is an argument. No socket, no clock.

How it works. `Portal` holds what outlives a request: the world, the bucket, the meters, the tokens.
What happens inside one request is in `handling`.
"""

from collections.abc import Mapping
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple

from bulk_publisher.sandbox import php
from bulk_publisher.sandbox.building import build_world
from bulk_publisher.sandbox.calls import Credential, RestError
from bulk_publisher.sandbox.faults import Dice, html_page
from bulk_publisher.sandbox.meters import LeakyBucket, MeterKey, OperatingLimiter
from bulk_publisher.sandbox.oauth import Tokens
from bulk_publisher.sandbox.scenario import Scenario, User

PUBLICATION = "landing.landing.publication"


class Answer(NamedTuple):
    """What goes back over the wire."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = MappingProxyType({})


def error_answer(error: RestError) -> Answer:
    """An error of the envelope. It has no ``time``."""
    return Answer(error.status, php.encode(error.body()))


def html_answer(status: int) -> Answer:
    """A page of the front server."""
    return Answer(status, html_page(status), "text/html")


class Portal:
    """One simulated portal."""

    def __init__(self, scenario: Scenario, *, now: float) -> None:
        """Builds the world and starts with empty meters.

        Raises:
            ScenarioError: The scenario names pages or sites that cannot be.
        """
        seed = scenario.seed
        self.scenario = scenario
        self.rng = Random(f"{seed}:cost")
        self.world = build_world(scenario, Random(f"{seed}:world"), now=now)
        self.truth = self.world.truth
        self.dice = Dice(scenario, Random(f"{seed}:faults"), started_at=now)
        self.tokens = Tokens(Random(f"{seed}:oauth"), lifetime=scenario.token_lifetime, now=now)
        self.users = scenario.users or [User(id=1, is_admin=True)]
        self.rest_host = "sandbox.bitrix24.example"
        codes = Random(f"{seed}:codes")
        self.codes = {user.id: user.code or f"{codes.getrandbits(80):020x}" for user in self.users}
        self.bucket: LeakyBucket | None = None
        if scenario.bucket is not None:
            capacity, drain = scenario.bucket
            self.bucket = LeakyBucket(capacity, drain, tenant_rate=scenario.tenant_rate)
            self.truth.bucket_capacity = capacity
        self.limiter: OperatingLimiter | None = None
        if scenario.limit is not None:
            self.truth.operating_limit = scenario.limit
            self.limiter = OperatingLimiter(
                scenario.limit,
                ban=scenario.ban,
                by_minute=scenario.leaves != "reset_at",
                expires=scenario.leaves != "minute",
                on_booked=self._on_booked,
            )
        self._tenant_spent_until = now

    def admit(self, now: float) -> bool:
        """Counts a request against the intensity limit; False: it is refused."""
        if self.bucket is None:
            return True
        admitted = self.bucket.take(now)
        self.truth.highest_bucket = self.bucket.highest
        if not admitted:
            self.truth.refused["QUERY_LIMIT_EXCEEDED"] += 1
        return admitted

    def authorise(self, owner: str, code: str, params: dict[str, Any], now: float) -> Credential:
        """Who asks: by the user id and code of a webhook, or by the token in *params*.

        Raises:
            RestError: Mostly 401, before anything was done.
        """
        if self.scenario.envelope_error is not None:
            raise RestError(self.scenario.envelope_error, "", status=self.scenario.envelope_status)
        if owner:
            for user in self.users:
                if str(user.id) == owner and self.codes[user.id] == code:
                    return Credential("apauth", f"webhook{user.id}", user)
            raise RestError("INVALID_CREDENTIALS", "Invalid request credentials", status=401)
        token = params.pop("auth", None) or params.pop("access_token", None)
        if not token:
            raise RestError("NO_AUTH_FOUND", "Wrong authorization data", status=401)
        self.tokens.check(str(token), now)
        return Credential("oauth", self.tokens.app.client_id, self.users[0])

    def portal_time(self, now: float) -> float:
        """The portal's own clock, which may be off."""
        return now + self.scenario.clock_offset

    def spend_as_tenant(self, now: float) -> None:
        """Books what another program has spent meanwhile with the first webhook."""
        rate = self.scenario.tenant_operating
        if not rate or self.limiter is None:
            return
        key = MeterKey(f"webhook{self.users[0].id}", PUBLICATION)
        at = max(self._tenant_spent_until, now - 600.0)
        while at < now:
            until = min(now, (at // 60 + 1) * 60)
            seconds = rate * (until - at)
            self.limiter.spend(key, seconds, self.portal_time(at), self.portal_time(until))
            at = until
        self._tenant_spent_until = now

    def _on_booked(self, key: MeterKey, total: float) -> None:
        name = self.meter_name(key)
        highest = self.truth.highest_meter
        highest[name] = max(highest.get(name, 0.0), total)

    def meter_name(self, key: MeterKey) -> str:
        """How the truth calls a meter: the method alone for the first webhook."""
        if key.credential == f"webhook{self.users[0].id}":
            return key.method
        if key.credential == self.tokens.app.client_id:
            return f"oauth:{key.method}"
        return f"{key.credential or 'nested'}:{key.method}"
