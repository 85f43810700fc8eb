"""The same for programs, as JSON."""

from bulk_publisher.web.route import Route

ROUTES: tuple[Route, ...] = ()
