"""The framers on hostile bytes, the bins against numpy's, the schedule, and the requests file."""

import ctypes
import json
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.workloads.openloop.conftest import Generate
from vocabulary import ServiceKind, UsageError
from vocabulary.histogram import BINS, EDGES, bin_of
from workloads.openloop import build, encode_requests

SOURCES = Path("workloads/openloop").resolve()


@pytest.mark.parametrize("seed", [1, 2])
def test_framers_stand_hostile_bytes_under_the_sanitizers(seed: int) -> None:
    done = subprocess.run(
        [build("fuzz"), str(seed), "2"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    rounds, responses = (int(word) for word in done.stdout.split() if word.isdigit())
    assert rounds > 100 and responses > rounds


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """tally.c as a library, with the inline functions of its header made callable."""
    root = tmp_path_factory.mktemp("tally")
    (root / "face.c").write_text(
        f'#include "{SOURCES}/tally.h"\n'
        "unsigned bin(uint64_t v) { return kxb_bin(v); }\n"
        "void add(struct distribution *d, uint64_t v) { distribution_add(d, v); }\n"
    )
    parts = (root / "tally.so", root / "face.c", SOURCES / "tally.c")
    argv = ["gcc", "-std=gnu11", "-shared", "-fPIC", "-o", *map(str, parts), "-lm"]
    subprocess.run(argv, check=True, timeout=60)
    library = ctypes.CDLL(str(root / "tally.so"))
    library.bin.argtypes = [ctypes.c_uint64]
    library.add.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
    library.distribution_percentile.argtypes = [ctypes.c_void_p, ctypes.c_double]
    library.distribution_percentile.restype = ctypes.c_uint64
    return library


def test_bins_are_those_of_numpy(tally: ctypes.CDLL) -> None:
    edges = [int(edge) for edge in EDGES[:-1]]
    random = np.random.default_rng(1)
    spread = (2 ** random.uniform(0, 63, 2000)).astype(np.uint64).tolist()
    values = [*edges, *(edge - 1 for edge in edges if edge), *spread, 2**64 - 1]
    assert [tally.bin(v) for v in values] == bin_of(np.array(values, np.uint64)).tolist()


def test_percentiles_are_the_lower_edge_of_the_nearest_rank(tally: ctypes.CDLL) -> None:
    values = np.random.default_rng(2).integers(0, 10**7, 999)
    counts = (ctypes.c_uint64 * (BINS + 1))()
    for value in values.tolist():
        tally.add(counts, value)
    ordered = np.sort(values)
    for percent in (1, 50, 99, 100):
        rank = int(np.ceil(percent / 100 * len(values))) - 1
        expected = int(EDGES[bin_of(ordered[rank])])
        assert tally.distribution_percentile(counts, percent) == expected


def dry_run(requests: Path, *words: str) -> dict[str, int | str]:
    argv = [
        str(build()),
        "--requests",
        str(requests),
        "--dry-run",
        "--rate",
        "5000",
        "--duration",
        "1",
        *words,
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True)
    answer: dict[str, int | str] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize(("arrivals", "choice"), [("uniform", "random"), ("poisson", "round-robin")])
def test_a_seed_fixes_the_schedule(requests: dict[ServiceKind, Path], arrivals: str, choice: str) -> None:
    words = ("--arrivals", arrivals, "--choice", choice)
    first, again, other = (
        dry_run(requests[ServiceKind.REDIS], *words, "--seed", seed) for seed in ("7", "7", "8")
    )
    assert first == again
    assert first["schedule_hash"] != other["schedule_hash"]


def test_arrivals_come_at_the_rate(requests: dict[ServiceKind, Path]) -> None:
    uniform = dry_run(requests[ServiceKind.REDIS], "--arrivals", "uniform", "--warmup", "0")
    poisson = dry_run(requests[ServiceKind.REDIS], "--arrivals", "poisson", "--warmup", "0")
    assert uniform["requests"] == 5000
    assert abs(int(poisson["requests"]) - 5000) < 5 * 5000**0.5  # five standard deviations


def write(path: Path, body: bytes, magic: bytes = b"KXBREQ\r\n", version: int = 1, count: int = 1) -> Path:
    path.write_bytes(magic + struct.pack("<III", version, 1, count) + body)
    return path


GOOD = struct.pack("<I", 3) + b"abc"


@pytest.mark.parametrize(
    ("body", "fields", "says"),
    [
        (GOOD, {"magic": b"KXBREQ\n\n"}, "bad magic"),
        (GOOD, {"version": 2}, "version 2"),
        (GOOD, {"count": 0}, "count 0"),
        (GOOD, {"count": 2**32 - 1}, "count 4294967295"),
        (GOOD * 2, {"count": 3}, "count 3"),
        (GOOD * 3, {"count": 4}, "request 3"),
        (GOOD, {"count": 1, "magic": b""}, "bad magic"),
        (struct.pack("<I", 2**32 - 1) + b"abc", {}, "bad length 4294967295"),
        (struct.pack("<I", 0) + b"abc", {}, "bad length 0"),
        (GOOD + b"x", {}, "after the last request"),
        (b"", {}, "does not fit"),
    ],
)
def test_a_malformed_requests_file_is_refused(
    tmp_path: Path, generate: Generate, body: bytes, fields: dict[str, object], says: str
) -> None:
    path = write(tmp_path / "bad.req", body, **fields)  # type: ignore[arg-type]
    result = generate(1, path, "--rate", "10")
    assert result.code == 2
    assert says in result.err and str(path) in result.err
    assert len(result.err.splitlines()) == 1


def test_a_missing_requests_file_is_refused(tmp_path: Path, generate: Generate) -> None:
    for path in (tmp_path / "none.req", tmp_path):
        result = generate(1, path, "--rate", "10")
        assert (result.code, len(result.err.splitlines())) == (2, 1)


def test_encoding_refuses_what_cannot_be_sent_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.req"
    for kind, items in (
        (ServiceKind.REDIS, []),
        (ServiceKind.REDIS, [b"PING\r\n", b""]),
        (ServiceKind.DNS, [b"short"]),
        (ServiceKind.DNS, [bytes(1233)]),
    ):
        with pytest.raises(UsageError):
            encode_requests(path, kind, items)
    assert list(tmp_path.iterdir()) == []
    assert encode_requests(path, ServiceKind.DNS, [bytes(12), bytes(1232)]) == 2


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--rate", "0"],
        ["--rate", "nan"],
        ["--rate", "1e300"],
        ["--rate", "10x"],
        ["--rate", "10", "--closed"],
        ["--rate"],
        ["--rate", "10", "--duration", "-1"],
        ["--rate", "10", "--connections", "0"],
        ["--rate", "10", "--connections", "-5"],
        ["--rate", "10", "--connections", "99999999999999999999"],
        ["--rate", "10", "--connections", "10000", "--pipeline", "65536"],
        ["--rate", "10", "--arrivals", "sometimes"],
        ["--rate", "10", "--port", "70000"],
        ["--rate", "10", "--host", "not.an.address"],
        ["--rate", "10", "--nonsense"],
        ["--rate", "10", "left over"],
        ["--rate", "10", "--duration", "86400", "--timeline-ms", "1"],
        ["--closed", "--dry-run"],
    ],
)
def test_hostile_arguments_are_refused_in_one_line(
    generate: Generate, requests: dict[ServiceKind, Path], words: list[str]
) -> None:
    result = generate(1, requests[ServiceKind.REDIS], *words)
    assert result.code == 2
    assert result.err.startswith("openloop: ") and len(result.err.splitlines()) == 1
