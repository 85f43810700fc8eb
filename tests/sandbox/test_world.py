import pytest

from bulk_publisher.sandbox.scenario import ScenarioError, Site


def test_troubles_fall_on_different_pages_and_are_known(core):
    world = core(
        pages=1000,
        missing_share=0.1,
        denied_share=0.05,
        unpaid_share=0.02,
        unpaid_block_share=0.01,
        vetoed_share=0.01,
    ).world

    missing, denied, unpaid = world.missing_ids(), world.denied_ids(), world.unpaid_ids()

    assert (len(missing), len(denied), len(unpaid)) == (100, 50, 20)
    assert len(world.trouble_ids("unpaid_block")) == len(world.trouble_ids("vetoed")) == 10
    assert len(world.healthy_ids()) == 810
    assert not set(missing) & set(denied) | set(unpaid) & set(denied)
    assert len(world.page_ids()) == 950


def test_a_closed_site_denies_all_its_pages(core):
    world = core(pages=2, sites=[Site(pages=8), Site(has_public_right=False)]).world

    assert world.denied_ids() == [9, 10]
    assert world.healthy_ids() == list(range(1, 9))


def test_pages_are_shared_out_over_sites_that_do_not_say(core):
    world = core(pages=11, sites=[Site(id=4), Site(id=9, pages=5), Site()]).world

    sizes = {site.id: site.end_place - site.first_place for site in world.sites.values()}
    assert sizes == {4: 6, 9: 5, 10: 5}


def test_some_pages_are_up_and_some_of_these_changed(core):
    world = core(pages=1000, active_share=0.5, changed_share=0.3).world

    active = world.active_ids()
    changed = [page for page in active if not world.page(page).public]
    assert len(active) == world.active_pages == 500
    assert 100 < len(changed) < 200
    assert world.sites[1].active


def test_an_edit_makes_a_page_changed_until_it_is_published(core):
    portal = core(pages=2)
    portal.publish(1)

    portal.world.edit(1, portal.now + 60, title="Newer")
    edited = portal.world.page(1)
    portal.publish(1)

    assert (edited.active, edited.public, edited.title) == (True, False, "Newer")
    assert portal.world.page(1).public


def test_the_trash_takes_a_page_down_and_does_not_put_it_up_again(core):
    portal = core(pages=2)
    portal.publish(1)

    portal.world.trash(1)
    trashed = portal.publish(1)[1]
    portal.world.restore(1)

    assert trashed["error"] == "LANDING_NOT_EXIST"
    assert not portal.world.page(1).active
    assert portal.world.active_pages == 0
    assert portal.publish(1)[1]["result"] is True


def test_a_page_that_never_was_cannot_be_looked_at_or_edited(core):
    world = core(pages=3, missing_pages=[2]).world

    assert not world.page(2).exists
    with pytest.raises(KeyError):
        world.page(4)
    with pytest.raises(KeyError):
        world.edit(2)


def test_the_same_seed_makes_the_same_world(core):
    one, same, other = (core(pages=500, missing_share=0.1, seed=seed).world for seed in (1, 1, 2))

    assert one.missing_ids() == same.missing_ids() != other.missing_ids()


def test_publications_count_only_what_was_published(core):
    portal = core(pages=5, log=True)
    portal.publish(2)
    portal.publish(2)
    portal.publish(4)
    portal.result("landing.landing.unpublic", lid=4, scope="KNOWLEDGE")

    truth = portal.truth
    assert dict(truth.publications) == {2: 2, 4: 1}
    assert (len(truth.publications), 3 in truth.publications) == (2, False)
    assert [(page, action) for _, page, action in truth.log] == [
        (2, "publish"),
        (2, "publish"),
        (4, "publish"),
        (4, "unpublish"),
    ]
    assert truth.as_dict()["pages_published_twice_or_more"] == 1
    assert "2: 2" in repr(truth.publications)


@pytest.mark.parametrize(
    ("scenario", "complaint"),
    [
        ({"denied_pages": [77]}, "denied_pages: there is no page 77"),
        ({"unlisted_pages": [77]}, "unlisted_pages: there is no page 77"),
        ({"sites": [Site(id=3), Site(id=3)]}, "id 3 is used twice"),
    ],
    ids=str,
)
def test_a_world_that_cannot_be_is_refused(core, scenario, complaint):
    with pytest.raises(ScenarioError, match=complaint):
        core(pages=9, **scenario)
