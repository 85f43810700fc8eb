"""The plan as one daemon knows it: what it changes counts once it is kept, and it hears what others change."""

from collections.abc import Callable, Collection, Mapping

from bulk_publisher.errors import JournalLost
from bulk_publisher.store.agenda import Agenda, Firing, Slot

_WHOLE_EVERY = 60
"""Of the looks at what others have changed, how many make one at the whole plan: what they have removed is
nowhere told."""


class Plan:
    """Slots by the names of jobs and orders. Invariant: what is here was kept, by this daemon or another."""

    def __init__(self, agenda: Agenda, on_lost: Callable[[JournalLost], None]) -> None:
        """Nothing is read yet.

        Args:
            on_lost: Told where it can't be written, and no daemon beside this one could go on by it.
        """
        self._agenda = agenda
        self._on_lost = on_lost
        self._slots: dict[str, Slot] = {}
        self._looks = 0
        # Since the last look began: a look at the whole may not have seen these.
        self._changed: set[str] = set()

    @property
    def slots(self) -> Mapping[str, Slot]:
        """All that are known."""
        return self._slots

    def __getitem__(self, name: str) -> Slot:
        """The slot *name*.

        Raises:
            KeyError: If there is none.
        """
        return self._slots[name]

    def read(self) -> None:
        """All of it.

        Raises:
            BadJournal: If it can't be read.
        """
        self._slots = self._agenda.read_slots()

    def news(self) -> tuple[Mapping[str, Slot], bool]:
        """What others have changed, and whether that is all that there is; for ``hear``, which knows it then.

        It changes nothing here, so it may be asked for in a thread.

        Raises:
            BadJournal: If it can't be read.
        """
        self._looks += 1
        self._changed = set()
        is_whole = self._agenda.is_shared and self._looks % _WHOLE_EVERY == 0
        return (self._agenda.read_slots() if is_whole else self._agenda.read_changes()), is_whole

    def hear(self, told: Mapping[str, Slot], *, is_whole: bool) -> None:
        """Know what others have changed; of what was changed here meanwhile, it is the older word."""
        if is_whole:
            there = told.keys() | self._changed
            self._slots = {name: slot for name, slot in self._slots.items() if name in there}
        for name, slot in told.items():
            known = self._slots.get(name)
            if known is None or known.edition < slot.edition:
                self._slots[name] = slot

    def change(self, changes: Mapping[str, Slot | None]) -> Collection[str]:
        """Keep these, None for one that goes.

        Returns:
            The names of those that are kept so; what another daemon has changed meanwhile stays as it is.

        Raises:
            JournalLost: If that can't be written.
        """
        before = self._slots
        fresh = {
            name: slot
            for name, slot in changes.items()
            if slot is not None and slot != before.get(name)
        }
        gone = {
            name: before[name] for name, slot in changes.items() if slot is None and name in before
        }
        if not fresh and not gone:
            return changes.keys()
        self._changed |= fresh.keys() | gone.keys()
        try:
            written = self._agenda.write_slots(fresh, gone)
        except JournalLost as error:
            if not self._agenda.is_shared:
                # Without a plan nothing may begin: the next daemon would do it once more.
                self._on_lost(error)
            raise
        for name, slot in written.items():
            if slot is None:
                del self._slots[name]
            else:
                self._slots[name] = slot
        return changes.keys() - (fresh.keys() | gone.keys()) | written.keys()

    def firing_of(self, name: str) -> Firing:
        """What is going on of *name*, which this daemon has taken up.

        What has changed there is heard, also where another daemon has changed it since it was cut off
        from the store and has taken up what this one did: so who does it is looked at, too.

        Raises:
            JournalLost: If another daemon does it now, or has done it; passing, if that can't be told.
        """
        slot = self._slots.get(name)
        if slot is None or slot.firing is None or not self._agenda.still_does(name):
            raise self._is_others(name)
        return slot.firing

    def put(self, name: str, slot: Slot) -> None:
        """Keep *slot*, whose firing this daemon has taken up.

        Raises:
            JournalLost: If that can't be written, or another daemon does it now.
        """
        self.firing_of(name)
        if not self.change({name: slot}):
            raise self._is_others(name)

    def _is_others(self, name: str) -> JournalLost:
        return JournalLost(
            f"{self._agenda.place}: another daemon does {name} now.",
            "Let it go on; jobs shows how it stands.",
            "another daemon does it now",
        )
