"""Moves a run from one store to another, where it can be gone on with."""

from bulk_publisher.store.protocol import KeptRun, Store


def move_run(run: KeptRun, to: Store) -> KeptRun:
    """Keep *run*, with all that it has, in the store *to* as well; it is found there once all of it is.

    Raises:
        RunBusy: If it goes on.
        BadJournal: If it can't be read.
        BadSetting: If there is one of its name, or nothing can be written.
        JournalLost: If it can't be locked.
    """
    # While it goes on, its journal and its notes would be of two moments.
    with run.lock():
        return to.take_in(run.run_id, run.contents())
