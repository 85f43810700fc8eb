"""Pages for people: a module a page, each with its ways in."""

from bulk_publisher.web.pages import entering, now

ROUTES = (*now.ROUTES, *entering.ROUTES)
