"""The bins are the same in C (as eBPF has them) and in numpy."""

import subprocess
from pathlib import Path

import numpy as np

from vocabulary.histogram import BINS, EDGES, bin_of

SEED = 20240601


def edges() -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """The lower edge of each bin, the number below it, and the ends of u64."""
    lower = [int(edge) for edge in EDGES[:-1]]
    numbers = {*lower, *(edge - 1 for edge in lower if edge), 2**64 - 1, 2**53, 2**53 + 1}
    return np.array(sorted(numbers), np.uint64)


def test_c_and_numpy_agree(built: Path) -> None:
    random = np.random.default_rng(SEED)
    spread = random.integers(0, 2**64, 20_000, np.uint64) >> random.integers(0, 64, 20_000).astype(np.uint64)
    numbers = np.concatenate([edges(), spread])
    text = "\n".join(str(int(number)) for number in numbers)
    told = subprocess.run([built / "bins"], input=text, capture_output=True, text=True, check=True).stdout
    in_c = np.array(told.split(), int)
    assert in_c.shape == numbers.shape
    np.testing.assert_array_equal(in_c, bin_of(numbers))
    assert set(in_c) >= set(range(BINS))
