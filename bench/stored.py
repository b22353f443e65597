"""Opening the store as the commands do: runs whose suite is gone are marked interrupted first."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager

from results.history import briefs
from results.store import Store
from targets.lab import is_dead
from vocabulary import RunState


@contextmanager
def opened(where: str | None) -> Iterator[Store]:
    """The store at ``where`` (file, URL, or None for the default). Raises StoreError."""
    with Store.open(where) as store:
        if store.writable:
            settle(store)
        yield store


def settle(store: Store) -> None:
    """A suite that was killed could not say so: its runs on this machine become ``interrupted``, so that
    they can be resumed. Runs of other machines in a shared store are left alone."""
    for brief in briefs(store, state=RunState.RUNNING):  # of months of runs, only those are read whole
        run = store.run(brief.run_id)
        if run.environment.get("host") == platform.node():
            try:
                dead = is_dead(run.run_id)
            except PermissionError:
                continue
            if dead:
                store.interrupt_run(run.run_id)
