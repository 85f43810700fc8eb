"""Why nothing may leave, in words for a person."""

from bulk_publisher.limits.decision import Limit, WaitUntil
from bulk_publisher.limits.intensity import LeakyBucket
from bulk_publisher.model import Mono


def for_intensity(at: Mono, bucket: LeakyBucket) -> WaitUntil:
    """The bucket of requests is full."""
    return WaitUntil(at, Limit.INTENSITY, f"requests ({bucket.pace:.2g} a second)")


def for_refusal(at: Mono, limit: float) -> WaitUntil:
    """The portal has refused, at *limit* seconds as far as can be told."""
    because = f"operating time (the portal refused at {limit:.0f} s)"
    return WaitUntil(at, Limit.OPERATING, because)


def for_operating(at: Mono, used: float, limit: float) -> WaitUntil:
    """*used* of *limit* seconds of operating time are used up."""
    because = f"operating time ({used:.0f} of {limit:.0f} s used)"
    return WaitUntil(at, Limit.OPERATING, because)
