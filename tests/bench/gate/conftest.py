import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bench.__main__ import main
from results.store import Store
from tests.bench.gate.made_up import World, put
from vocabulary import RunRecord

MEMORY = Path("/dev/shm")  # noqa: S108


@pytest.fixture
def store() -> Iterator[Store]:
    """In memory where there is such a place: a run of a hundred cells is synced to disk two hundred times."""
    place = MEMORY if MEMORY.is_dir() else None
    with TemporaryDirectory(dir=place) as folder, Store.open(Path(folder) / "store.sqlite") as opened:
        yield opened


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


Kxbench = Callable[..., Done]


@pytest.fixture
def kxbench(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """The command line, in this process, on the test's store."""

    def run(*arguments: str, where: str | None = None) -> Done:
        monkeypatch.setenv("KXBENCH_STORE", where or store.where)
        monkeypatch.setattr(sys, "argv", ["kxbench", *arguments])
        try:
            code = main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        told = capsys.readouterr()
        return Done(code, told.out, told.err)

    return run


@pytest.fixture
def base(store: Store, kxbench: Kxbench) -> RunRecord:
    run = put(store, World(), 1)
    assert kxbench("baseline", "set", "main", run.run_id, "--why", "the start").code == 0
    return run
