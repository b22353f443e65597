"""What is seen of a target from outside."""

import os
import subprocess
import sys

import pytest

from tests.workloads.micro.running import measure, run, values
from vocabulary import TargetError
from workloads.micro.building import BUILD
from workloads.micro.whole import _Watched, host_bytes

_MIB = 1 << 20


def test_memory_of_a_process_is_seen() -> None:
    script = f"import sys; kept = bytearray(b'x') * {32 * _MIB}; print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None and child.stdout.readline() == b"up\n"
        size = host_bytes([child.pid])
        child.communicate()
    assert 32 * _MIB < size < 100 * _MIB
    assert host_bytes([child.pid]) == 0
    assert host_bytes([os.getpid(), child.pid]) > 0


def test_only_readings_wholly_inside_a_pause_count() -> None:
    watched = _Watched([(0, 10, 1), (12, 14, 5), (15, 18, 7), (19, 30, 100)])
    assert watched.between(11, 20) == 6
    with pytest.raises(TargetError, match="no reading of memory"):
        watched.between(13, 17)


def test_a_herd_is_alive_at_once_and_every_fork_is_recorded() -> None:
    found = measure("herd", "--children=50", "--hold-ms=5")
    parts = {part: values(found, f"parent{{part={part}}}").size for part in ("first", "middle", "last")}
    assert parts == {"first": 5, "middle": 40, "last": 5}
    order = [values(found, name)[0] for name in ("alone_from", "alone_to", "all_from", "all_to")]
    assert order == sorted(order)


def test_create_times_the_command_it_is_given() -> None:
    found = measure("create", "--iterations=5", f"--command={BUILD / 'tiny-static'}\x1f1")
    assert (values(found, "to_main") < values(found, "total")).all()
    assert run("create", "--command=/nowhere/at-all").code == 1
    assert "no stamp" in run("create", "--command=/bin/true").stderr
