"""What an action is: its method, what that takes, what proves it done, what takes it back. A table.

Rules: data and nothing else. Whatever else has to know about an action asks its row; another action
is another row.

Source: docs/bitrix24.md §2 [doc, source].
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bulk_publisher.model import Action, Page, Status


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action.

    Attributes:
        action: Its name in the journal.
        method: The portal's method.
        parameter: The parameter that names what it is done to.
        subject: What that is, as a person says it: ``page``, ``site``.
        done: The status of what it was done to.
        proof: Whether what it was done to is online afterwards, as the portal's list shows it; None where
            no list proves it.
        opens_site: It also puts the folders and the site online.
        inverse: What takes it back; None where nothing does.
    """

    action: Action
    method: str
    parameter: str
    subject: str
    done: Status
    proof: bool | None
    opens_site: bool
    inverse: Action | None

    def can_prove(self, page: Page) -> bool:
        """Whether a list can show that *page* was done: it was not as it should be before."""
        if self.proof is None or page.was_active is None:
            return False
        return page.was_active is not self.proof or (self.proof and page.is_changed is True)

    def is_proved(self, before: Page, now: Page | None) -> bool | None:
        """Whether a page that ``can_prove`` is as it should be *now*; None where the list omits it."""
        if now is None or now.was_active is not self.proof:
            return False
        if not self.proof:
            return True
        if now.is_changed is None:
            # It is up, as it has to be; one that was up before is done if its edits are up as well.
            return True if before.was_active is False else None
        return not now.is_changed


ACTIONS: Mapping[Action, ActionSpec] = {
    spec.action: spec
    for spec in (
        ActionSpec(
            Action.PUBLISH,
            method="landing.landing.publication",
            parameter="lid",
            subject="page",
            done=Status.PUBLISHED,
            proof=True,
            opens_site=True,
            inverse=Action.UNPUBLISH,
        ),
        ActionSpec(
            Action.UNPUBLISH,
            method="landing.landing.unpublic",
            parameter="lid",
            subject="page",
            done=Status.UNPUBLISHED,
            proof=False,
            opens_site=False,
            inverse=None,
        ),
    )
}
"""Every action, by its name."""
