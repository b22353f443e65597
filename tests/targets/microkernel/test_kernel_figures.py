"""What the kernel may cost at most. Instructions, not time: the same in every run and on every host."""

import subprocess
from pathlib import Path

import pytest

from targets.microkernel.building import BUILD, HERE, build
from tests.targets.microkernel.booting import boot
from workloads.protocol import parse

MOST_LINES, MOST_TEXT = 2500, 32 << 10
Figure = tuple[str, dict[str, object], int]
CALL, REPLY = "one_way", "one_way_reply"
MOST: dict[str, list[Figure]] = {
    "syscall": [("null_call", {}, 80)],
    "scheduling": [("yield", {}, 250)],
    "ipc": [
        *((name, {"space": "other", "bytes": 0}, 350) for name in (CALL, REPLY)),
        *((name, {"space": "other", "bytes": 40}, 450) for name in (CALL, REPLY)),
    ],
    "irq": [("irq_to_handler", {"source": "timer"}, 200)],
    "task": [("boot", {}, 2_000_000)],
}


@pytest.mark.parametrize("group", MOST)
def test_instructions(tmp_path: Path, group: str) -> None:
    build()
    said = boot(tmp_path, f"run=bench group={group} iterations=20")
    found = parse(said, "kernel")
    for name, labels, most in MOST[group]:
        (samples,) = [s for s in found if s.metric.name == name and s.labels == labels]
        assert 0 < samples.values.max() <= most, (name, labels)


def test_lines() -> None:
    """Of boot and core, as `wc -l` counts."""
    files = [path for layer in ("boot", "core") for path in (HERE / layer).glob("*.[chS]")]
    assert 1000 < sum(path.read_text().count("\n") for path in files) <= MOST_LINES


def test_text() -> None:
    build()
    told = subprocess.run(
        ["arm-none-eabi-size", "-A", BUILD / "kernel.elf"], capture_output=True, text=True, check=True
    ).stdout
    (size,) = [int(line.split()[1]) for line in told.splitlines() if line.startswith(".text ")]
    assert 0 < size <= MOST_TEXT
