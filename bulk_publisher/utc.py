"""Moments of UTC as text and back. Pure: it asks no clock."""

from datetime import UTC, datetime

from bulk_publisher.model import Epoch


def as_utc(moment: Epoch) -> str:
    """*moment* as ISO 8601 in UTC with milliseconds: ``2026-03-01T03:00:00.000Z``."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
