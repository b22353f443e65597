"""A judged store of made-up runs, and the dashboard over a copy of it."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.dashboard import hooks
from bench.judged import judge_what_is_not
from results.dashboard.app import create_app
from results.dashboard.guard import Access
from results.dashboard.source import Source
from results.store import Store
from tests.results import made_up_run
from tests.results.dashboard.made import BEFORE, LATEST, TOKEN, Client
from vocabulary import Outcome


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a store with two runs of two targets on one machine, the later one slower."""
    folder = tmp_path_factory.mktemp("judged")
    targets = ("process", "kylinx")
    with Store.open(folder / "kxbench.sqlite") as store:
        for number, run_id in enumerate((BEFORE, LATEST)):
            made = made_up_run.contents(targets, blocks=3, seed=number)
            run = made_up_run.run_of(made, targets)
            started = run.started_s + number * 86400
            store.add_run(replace(run, run_id=run_id, started_s=started, finished_s=started + 271), made)
        assert list(judge_what_is_not(store, set())) == [(BEFORE, ""), (LATEST, "")]
        assert any(cell.outcome is Outcome.FAILED for cell in store.cells(LATEST))
    return folder


@pytest.fixture
def store(judged: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy that a test may change."""
    folder = tmp_path / "store"
    shutil.copytree(judged, folder)
    with Store.open(folder / "kxbench.sqlite") as opened:
        yield opened


@pytest.fixture
def source(store: Store) -> Source:
    return Source(store, hooks())


@pytest.fixture
def client(source: Source) -> Client:
    """Read only, on loopback."""
    return Client(create_app(source, Access()))


@pytest.fixture
def taking(source: Source) -> Client:
    """One that takes uploads; the token opens it."""
    access = Access(TOKEN, everywhere=True, uploads=True, most_bytes=64 * 2**20)
    return Client(create_app(source, access), token=TOKEN)
