"""Fragments that are watched: made again where something may have changed, and not each second."""

from bulk_publisher.web.live import Make
from bulk_publisher.web.views.watched import Views


def only_if_changed(views: Views, make: Make) -> Make:
    """What gives the fragment of *make*, the same one as long as nothing of *views* can be another."""
    version, text = -1, ""

    async def fragment() -> str:
        nonlocal version, text
        newest = await views.version()
        if newest != version:
            text = await make()
            version = newest
        return text

    return fragment
