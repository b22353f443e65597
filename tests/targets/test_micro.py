"""How running a micro program ends."""

import signal
import time
from pathlib import Path
from statistics import median

import pytest

from targets.process import micro
from targets.process.ending import LOOK_EVERY_S, how_it_ended
from vocabulary import Deployment, TargetError, UnsupportedError

pytestmark = pytest.mark.root
SHELL = Path("/bin/sh")


def run(deployment: Deployment, script: str, timeout_s: float = 20.0) -> str:
    return deployment.run_micro(SHELL, ["-c", script], timeout_s=timeout_s)


def test_gives_what_it_printed(deployment: Deployment) -> None:
    assert run(deployment, "echo out; echo err >&2") == "out\n"
    assert "err" in deployment.console()
    assert "out" not in deployment.console()
    assert run(deployment, "cat /proc/self/cgroup").rstrip().endswith(str(deployment.place.cgroup.name))
    assert run(deployment, r"printf '\377ok'") == "\N{REPLACEMENT CHARACTER}ok"


def test_exit_code(deployment: Deployment) -> None:
    with pytest.raises(TargetError, match="sh ended with code 3") as caught:
        run(deployment, "echo last words >&2; echo half a result; exit 3")
    assert "last words" in caught.value.console
    assert "half a result" in caught.value.console
    assert deployment.place.netns in caught.value.where


def test_signal(deployment: Deployment) -> None:
    with pytest.raises(TargetError, match=r"killed by signal 11 \(SIGSEGV\)"):
        run(deployment, "kill -SEGV $$")


def test_unsupported(deployment: Deployment) -> None:
    with pytest.raises(UnsupportedError, match="no huge pages here"):
        run(deployment, "echo first >&2; echo no huge pages here >&2; exit 77")
    with pytest.raises(UnsupportedError, match="does not say why"):
        run(deployment, "exit 77")


def test_time_out_kills_all_that_it_started(deployment: Deployment) -> None:
    with pytest.raises(TargetError, match="did not end within 10 s") as caught:
        run(deployment, "echo started >&2; sleep 60 & (sleep 60 & sleep 60) & sleep 60", timeout_s=10)
    assert "started" in caught.value.console
    assert deployment.place.pids() == []


def test_what_it_leaves_in_the_background_is_killed(deployment: Deployment) -> None:
    assert run(deployment, "sleep 60 > /dev/null & echo done") == "done\n"
    assert deployment.place.pids() == []


def test_too_much_output(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(micro, "OUTPUT_BYTES", 1 << 20)
    with pytest.raises(TargetError, match="printed more than 1 MiB") as caught:
        run(deployment, "yes | head -c 4194304; sleep 20")
    assert len(caught.value.console) < 10000


def test_no_such_program(deployment: Deployment, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="no such micro program"):
        deployment.run_micro(tmp_path / "fork", [], timeout_s=5)
    (tmp_path / "text").write_text("no program")
    with pytest.raises(TargetError, match=r"cannot be started.*Permission denied"):
        deployment.run_micro(tmp_path / "text", [], timeout_s=5)


def test_console_is_bounded_and_keeps_the_last(deployment: Deployment) -> None:
    for number in range(40):
        run(deployment, f"seq 1 2000 >&2; echo number {number} >&2")
    console = deployment.console()
    assert len(console) < 8192 + 40 * 64
    assert "number 39" in console
    assert console.rstrip().endswith("number 39")


def test_console_is_fit_for_a_terminal(deployment: Deployment) -> None:
    run(deployment, r"printf 'a\033[2Jb\000c\377d\n' >&2")
    assert "\033" not in deployment.console()
    assert "\0" not in deployment.console()


def test_waiting_ends_with_the_program(deployment: Deployment) -> None:
    """Not at the next look: a short program costs no quarter of a second, but for what others cost."""
    took_s = []
    for _ in range(21):
        started = time.monotonic()
        run(deployment, "exit 0")
        took_s.append(time.monotonic() - started)
    assert median(took_s) < LOOK_EVERY_S


def test_signal_numbers_have_names() -> None:
    assert how_it_ended(-signal.SIGKILL) == "was killed by signal 9 (SIGKILL)"
    assert how_it_ended(-40) == "was killed by signal 40 (a real-time signal)"
