"""What the README shows of `kxbench pvm`, word by word, and what a newcomer meets on the way."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from targets.kylinx import building, host
from targets.kylinx.toolstack import families

pytestmark = pytest.mark.root
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    if why := host.missing():
        pytest.skip(why)
    building.build()


@pytest.fixture
def name() -> Iterator[str]:
    called = f"test-{os.getpid()}-{time.monotonic_ns()}"
    yield called
    one = families.Family(called)
    if one.folder.exists():
        families.destroy(one)


def shell(command: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TERM": "dumb"}
    return subprocess.run(
        ["bash", "-c", command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=env,
        timeout=seconds,
        check=False,
    )


def watched(command: str, wanted: str) -> str:
    """The output of what stays until Ctrl-C, up to the line that is ``wanted``."""
    seen = ""
    with subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as running:
        alarm = threading.Timer(60, running.kill)
        alarm.start()
        assert running.stdout is not None
        for line in running.stdout:
            seen += line
            if wanted in line:
                break
        running.send_signal(signal.SIGINT)
        code = running.wait()
        alarm.cancel()
    assert code == 0, seen
    return seen


def _readme_commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if "pvm create" in block]
    return [re.sub(r" +# .*", "", line) for line in block.splitlines()]


def test_the_commands_of_the_readme(name: str, tmp_path: Path) -> None:
    said = {}
    for command in _readme_commands():
        mine = re.sub(r"\bshop\b", name, command).replace("tools.kximage", str(tmp_path / "tools.kximage"))
        verb = " ".join(command.split()[1:3])
        if verb == "pvm console":
            said[verb] = watched(mine, "Ready to accept connections")
            continue
        if verb == "pvm exec":  # a person is slower than redis-server starts
            mine = f"for i in $(seq 200); do {mine} 2>/dev/null && break; sleep 0.2; done"
        done = shell(mine, 120)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        said.setdefault(verb, done.stdout)
    assert re.fullmatch(r"kylinx\npVM \d+\n", said["pvm run"])
    assert said["pvm create"] == f"{name}\n"
    assert said["pvm exec"] == "PONG\n"
    assert name in said["pvm list"]
    assert "Ready to accept connections" in said["pvm console"]
    assert not families.Family(name).folder.exists()


def test_figures_of_a_family_are_for_people(name: str) -> None:
    assert shell(f"./kxbench pvm create --name {name} bash -c 'sleep 600 & wait'").returncode == 0
    deadline = time.monotonic() + 60
    second = re.compile(r"^process +pid 2, ppid 1, slot \d+, threads 1, state alive$", re.MULTILINE)
    while not second.search(stats := shell(f"./kxbench pvm stats {name}").stdout):
        assert time.monotonic() < deadline, stats  # the LibOS has a second to answer, bash has to fork
    assert re.search(r"^limit +[\d.]+ GiB$", stats, re.MULTILINE)
    assert "{" not in stats and "_bytes" not in stats
    listed = shell(f"./kxbench pvm list {name}").stdout
    assert "None" not in listed and re.search(r"^ +0 +(halted|running|spinning)", listed, re.MULTILINE)


def test_an_empty_family_says_what_it_lacks(name: str) -> None:
    assert shell(f"./kxbench pvm create --name {name} --with true").returncode == 0
    for command, code, words in (
        (f"console {name}", 2, f"pvm exec {name} PROGRAM"),
        (f"kill {name} 0", 5, f"pvm list {name}"),
        (f"exec {name} no-such", 125, "--with no-such"),
        (f"list {name}", 0, "no pVM is alive"),
    ):
        done = shell(f"./kxbench pvm {command}")
        assert done.returncode == code and words in done.stdout + done.stderr, command
        assert "/run/kxbench" not in done.stderr


def test_an_ended_family_says_where_to_look(name: str) -> None:
    shell(f"./kxbench pvm create --name {name} sh -c 'exit 3'")
    deadline = time.monotonic() + 60
    while families.Family(name).is_kept() and time.monotonic() < deadline:
        time.sleep(0.05)
    done = shell(f"./kxbench pvm stats {name}")
    assert done.returncode == 5 and f"pvm console {name}" in done.stderr
    assert re.search(rf"^{name} +ended with code 3", shell("./kxbench pvm list").stdout, re.MULTILINE)
    assert "ended with code 3" in shell(f"./kxbench pvm console {name}").stderr
