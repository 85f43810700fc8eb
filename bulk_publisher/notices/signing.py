"""What proves that a post is ours, and new: HMAC-SHA256 over its time and its body. Pure."""

import hashlib
import hmac

TIMESTAMP = "X-Bulk-Publisher-Timestamp"
"""The header with the UTC seconds at which it was signed, a whole number."""
SIGNATURE = "X-Bulk-Publisher-Signature"
"""The header with ``sha256=`` and the HMAC of timestamp, full stop and body, in hexadecimal."""
DELIVERY = "X-Bulk-Publisher-Delivery"
"""The header with the message's ID, which stays the same when it is sent again."""


def signed_headers(secret: str, body: bytes, *, at: float) -> dict[str, str]:
    """The headers that prove *body*.

    Args:
        at: UTC seconds.
    """
    timestamp = str(int(at))
    key, signed = secret.encode(), timestamp.encode() + b"." + body
    return {
        TIMESTAMP: timestamp,
        SIGNATURE: f"sha256={hmac.new(key, signed, hashlib.sha256).hexdigest()}",
    }
