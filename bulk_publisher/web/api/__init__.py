"""The same for programs, as JSON: what pages show, and what may be pressed on them.

Each way in is an ``Endpoint`` that says what it takes and gives; the description in ``/api/openapi.json`` is made
of these alone, so it says no more and no less than what is there.
"""

from bulk_publisher.web.api import describing_api, looking, steering_api
from bulk_publisher.web.api.endpoint import Endpoint, route_of
from bulk_publisher.web.route import Route

ENDPOINTS: tuple[Endpoint, ...] = (*looking.ENDPOINTS, *steering_api.ENDPOINTS)
"""All that is described."""

ROUTES: tuple[Route, ...] = (
    *map(route_of, ENDPOINTS),
    describing_api.route_of_description(ENDPOINTS),
)
