"""Pages for people: a module a page, each with its ways in."""

from bulk_publisher.web.pages import (
    audit_page,
    confirming,
    downloads,
    entering,
    history,
    jobs,
    now,
    one_run,
    plans,
    run_list,
)

ROUTES = (
    *now.ROUTES,
    *run_list.ROUTES,
    *downloads.ROUTES,
    *one_run.ROUTES,
    *jobs.ROUTES,
    *history.ROUTES,
    *plans.ROUTES,
    *confirming.ROUTES,
    *audit_page.ROUTES,
    *entering.ROUTES,
)
