"""The store under kill -9, full and read-only disks: what was reported as kept is kept."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from results.store import Store
from tests.results.made_up import RUN_ID, a_cell, a_run, same, some
from vocabulary import Histogram, StoreError

REPOSITORY = Path(__file__).parents[2]

WRITER = """
import sys
import numpy as np
from results.store import Store
from tests.results.made_up import RUN_ID, a_cell, some
with Store.open(sys.argv[1]) as store:
    for attempt in range(int(sys.argv[2]), 100_000):
        index = attempt % 7
        store.add_cell(RUN_ID, a_cell(index, reason=str(attempt)), [some(np.arange(attempt % 997, 3000.0))])
        print(attempt, flush=True)
"""


def _killed_writer(store: Path, begin: int, after_s: float) -> int:
    """Run the writer, SIGKILL it, and return the last attempt that it reported."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store), str(begin)],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()  # from then on it is in the loop
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
    reported = (first + rest).split("\n")[:-1]
    assert reported, "the writer failed before its first cell"
    return int(reported[-1])


def test_kill_9_loses_no_reported_cell(tmp_path: Path) -> None:
    chance = random.Random(5)
    with Store.open(tmp_path) as store:
        store.create_run(a_run())
    begin = 0
    for _ in range(10):
        last = _killed_writer(tmp_path, begin, chance.uniform(0, 0.08))
        with Store.open(tmp_path) as store:
            found = {cell.index: (int(cell.reason), series) for cell, series in store.samples(RUN_ID)}
        for attempt in range(max(0, last - 6), last + 1):
            kept, [samples] = found[attempt % 7]
            assert kept in (attempt, attempt + 7)  # the next may have been committed but not yet reported
            assert samples.values[0] == kept % 997
            assert samples.values.size == 3000 - kept % 997
        begin = last + 1
    with Store.open(tmp_path) as store:
        store.sweep(RUN_ID)
        assert sorted((tmp_path / "samples" / RUN_ID).iterdir()) == sorted(store.sample_files(RUN_ID))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A 1.5 MiB tmpfs."""
    where = tmp_path / "small"
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1536k", "kxb-test", str(where)], check=True)
    yield where
    subprocess.run(["mount", "-o", "remount,rw", str(where)], check=False)
    subprocess.run(["umount", "-l", str(where)], check=True)


@pytest.mark.root
def test_full_disk(small_disk: Path) -> None:
    noise = np.random.default_rng(1).random(20_000)
    with Store.open(small_disk) as store:
        store.create_run(a_run())
        kept = 0
        with pytest.raises(StoreError) as refused:
            for _ in range(50):
                store.add_cell(RUN_ID, a_cell(kept), [some(noise + kept)])
                kept += 1
        assert kept >= 2
        assert "free some space" in refused.value.remedy
        assert f"cell {kept} (fork" in str(refused.value)
        for cell, [samples] in store.samples(RUN_ID):
            assert same([samples], [some(noise + cell.index)])
        assert len(store.cells(RUN_ID)) == kept
        assert not list(small_disk.rglob("*.tmp"))
        assert len(list((small_disk / "samples" / RUN_ID).iterdir())) == kept
        for path in store.sample_files(RUN_ID)[:2]:
            path.unlink()  # space again
        store.add_cell(RUN_ID, a_cell(kept), [some(noise)])
    with Store.open(small_disk) as store:
        assert len(store.cells(RUN_ID)) == kept + 1


@pytest.mark.root
def test_database_on_a_full_disk(small_disk: Path) -> None:
    """Cells without samples: the database itself meets the end of the disk."""
    with Store.open(small_disk) as store:
        store.create_run(a_run())
        kept = 0
        with pytest.raises(StoreError) as refused:
            for _ in range(500):
                store.add_cell(RUN_ID, a_cell(kept, console=os.urandom(10_000).hex()), [])
                kept += 1
        assert "full" in str(refused.value).lower() + refused.value.remedy
        assert [cell.index for cell in store.cells(RUN_ID)] == list(range(kept))
    with Store.open(small_disk) as store:
        assert [cell.index for cell in store.cells(RUN_ID)] == list(range(kept))


@pytest.mark.root
def test_read_only_disk_can_be_read_and_says_so_when_written(small_disk: Path) -> None:
    with Store.open(small_disk) as store:
        store.create_run(a_run())
        store.add_cell(RUN_ID, a_cell(), [some(histogram=Histogram.of([1, 2, 3]))])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with Store.open(small_disk) as store:
        [(_, [samples])] = store.samples(store.run().run_id)
        assert samples.histogram == Histogram.of([1, 2, 3])
        with pytest.raises(StoreError, match="read-only") as refused:
            store.add_cell(RUN_ID, a_cell(1), [])
        assert "writable" in refused.value.remedy
    with pytest.raises(StoreError, match="Read-only") as refused:
        Store.open(small_disk / "another")
    assert "writable" in refused.value.remedy
    with pytest.raises(StoreError) as refused:
        Store.open(small_disk / "another.sqlite")
    assert "writable" in refused.value.remedy


def test_file_size_limit(store: Store) -> None:
    store.create_run(a_run())
    store.add_cell(RUN_ID, a_cell(0), [some([1.0])])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(StoreError, match="cell 1") as refused:
            store.add_cell(RUN_ID, a_cell(1), [some(np.random.default_rng(1).random(100_000))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "space" in refused.value.remedy
    assert [cell.index for cell in store.cells(RUN_ID)] == [0]
    assert [path.name for path in (store.samples_dir / RUN_ID).iterdir()] == ["00000.parquet"]
