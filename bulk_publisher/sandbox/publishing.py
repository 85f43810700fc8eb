"""Putting pages and sites up and taking them down, with the checks in the portal's order.

Pure. Source: docs/bitrix24-dossier.md §1.1 to §1.7.
"""

from bulk_publisher.sandbox.calls import Call, PhpFatal, RestError, Steps
from bulk_publisher.sandbox.world import ACTIVE, PUBLIC, TROUBLES, SiteRow, Trouble


def publication(call: Call) -> Steps:
    """``landing.landing.publication``: true, null (no right, no error) or an error."""
    page_id = call.integer("lid")
    yield call.page_cost() if _will_work(call, page_id) else call.scenario.failure_cost
    return publish_page(call, find_page(call, page_id))


def unpublic(call: Call) -> Steps:
    """``landing.landing.unpublic``: here a missing right is a real error."""
    page_id = call.integer("lid")
    yield call.page_cost() / 2 if _will_work(call, page_id) else call.scenario.failure_cost
    place = find_page(call, page_id)
    site = call.world.sites[call.world.site_of[place]]
    if not call.may_publish(site) or _trouble(call, place) == "denied":
        raise RestError("ACCESS_DENIED", "Access denied.")
    call.world.unpublish(place, call.now, user=call.user.id)
    return True


def site_publication(call: Call) -> Steps:
    """``landing.site.publication``: page by page, up to the first error, then folders and site.

    Source: docs/bitrix24.md §2 [source]: every page; [doc]: those that are down stay down.
    """
    site = find_site(call, call.integer("id"))
    world = call.world
    for place in range(site.first_place, site.end_place):
        flags = world.flags[place]
        is_up = flags & ACTIVE and flags & PUBLIC
        if world.site_of[place] != site.id or is_up or not world.is_there(place):
            continue
        if call.scenario.site_publication == "active" and not flags & ACTIVE:
            continue
        yield call.page_cost()
        publish_page(call, find_page(call, world.ids[place]))
    yield call.scenario.failure_cost
    if not call.may_publish(site):
        raise RestError("ACCESS_DENIED", "Access denied.")
    for folder in world.folders.values():
        if folder.site == site.id and not folder.deleted:
            folder.active = True
    _switch_on(call, site)
    return site.id


def site_unpublic(call: Call) -> Steps:
    """``landing.site.unpublic``: the site alone; its pages stay as they are."""
    site_id = call.integer("id")
    yield call.scenario.failure_cost
    site = find_site(call, site_id)
    if not call.may_publish(site):
        raise RestError("ACCESS_DENIED", "Access denied.")
    site.active = False
    return True


def find_page(call: Call, page_id: int) -> int:
    """Where the page is, if this user may see it in this scope.

    Raises:
        RestError: LANDING_NOT_EXIST.
    """
    place = call.world.place(page_id)
    if place is None or not call.world.is_there(place):
        raise RestError("LANDING_NOT_EXIST", "Page not found or access denied.")
    if not call.may_see(call.world.sites[call.world.site_of[place]]):
        raise RestError("LANDING_NOT_EXIST", "Page not found or access denied.")
    return place


def find_site(call: Call, site_id: int) -> SiteRow:
    """The site, if this user may see it in this scope.

    Raises:
        RestError: ACCESS_DENIED, which stands for "not found" too.
    """
    site = call.world.sites.get(site_id)
    if site is None or not call.may_see(site):
        raise RestError("ACCESS_DENIED", "Access denied.")
    return site


def publish_page(call: Call, place: int) -> bool | None:
    """Publishes a page that was found, or says why not; None: no right, and no error either."""
    world, trouble = call.world, _trouble(call, place)
    site = world.sites[world.site_of[place]]
    if not call.may_publish(site) or trouble in {"denied", "vetoed"}:
        world.truth.nulls += 1
        return None
    if place in world.errors:
        raise RestError(world.errors[place], "The page cannot be published.")
    if trouble == "event":
        # A handler's own error may have no code at all.
        raise RestError(0, "Refused by an event handler.")
    _check_page_limit(call, place)
    if trouble == "unpaid":
        raise RestError("LANDING_PAYMENT_FAILED", "The application of this page is not paid.")
    if trouble == "unpaid_block":
        raise RestError("LANDING_PAYMENT_FAILED_BLOCK", "A block's application is not paid.")
    _check_site_limit(call, site)
    if site.html_disallowed:
        raise RestError(f"PUBLIC_HTML_DISALLOWED[S{site.id}]", "HTML is not on your plan.")
    if site.html_page is not None:
        raise RestError(f"PUBLIC_HTML_DISALLOWED[L{site.html_page}]", "HTML is not on your plan.")
    if call.scenario.portal_error is not None:
        raise RestError(call.scenario.portal_error, "Publication is not possible.")
    _put_up(call, place, site)
    return True


def _put_up(call: Call, place: int, site: SiteRow) -> None:
    """Folders, settings, blocks, the page, its site: in between PHP can end.

    Source: docs/bitrix24.md §2 [source].
    """
    call.world.switch(call.world.folder_of[place], active=True)
    if _trouble(call, place) == "fatal":
        raise PhpFatal
    call.world.publish(place, call.now, user=call.user.id)
    call.memory.published.append(place)
    if _trouble(call, place) == "late_fatal":
        raise PhpFatal
    _switch_on(call, site)


def _will_work(call: Call, page_id: int) -> bool:
    place = call.world.place(page_id)
    if place is None or call.world.trouble[place] or not call.world.is_there(place):
        return False
    site = call.world.sites[call.world.site_of[place]]
    return call.may_see(site) and call.may_publish(site)


def _trouble(call: Call, place: int) -> Trouble:
    return TROUBLES[call.world.trouble[place]]


def _check_page_limit(call: Call, place: int) -> None:
    limit = call.scenario.page_limit
    if limit is None:
        return
    memory, world = call.memory, call.world
    # Decided once a request: a whole batch overshoots, or fails, on its first page's verdict.
    if memory.page_limit_reached is None:
        others = world.active_pages - (world.flags[place] & ACTIVE)
        memory.page_limit_reached = others >= limit
    if memory.page_limit_reached:
        raise RestError("PUBLIC_PAGE_REACHED", "The limit of published pages is reached.")


def _check_site_limit(call: Call, site: SiteRow) -> None:
    checked = call.memory.sites_checked
    if site.id in checked:
        return
    # Remembered before the outcome is known: later pages of the site skip the check.
    checked.add(site.id)
    _refuse_site(call, site)


def _refuse_site(call: Call, site: SiteRow) -> None:
    limit = call.scenario.site_limit
    if limit is None or site.active or call.world.active_sites() < limit:
        return
    free = call.scenario.free_plan and site.type not in {"KNOWLEDGE", "STORE"}
    if site.special and not free:
        return
    code = "PUBLIC_SITE_REACHED_FREE" if free else "PUBLIC_SITE_REACHED"
    raise RestError(code, "The limit of published sites is reached.")


def _switch_on(call: Call, site: SiteRow) -> None:
    updated = call.memory.sites_updated
    if site.id in updated:
        return
    updated.add(site.id)
    _refuse_site(call, site)
    if site.free_domain:
        raise RestError("FREE_DOMAIN_IS_NOT_ALLOWED", "A free domain is not on your plan.")
    site.active = True
    site.modified = int(call.now)
