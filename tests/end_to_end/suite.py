"""Starting the real ./kxbench, and looking at what it leaves."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KXBENCH = ROOT / "kxbench"


class Suite:
    """A store of its own and the command line on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store.sqlite"

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "KXBENCH_STORE": str(self.store), "TERM": "dumb", **more}

    def __call__(self, *arguments: str, seconds: float = 240, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [KXBENCH, *arguments],
            capture_output=True,
            text=True,
            timeout=seconds,
            env=self.environment(**env),
            check=False,
        )

    def start(self, *arguments: str, apart: bool = False) -> subprocess.Popen[str]:
        """``apart``: in a process group of its own, as a shell starts what Ctrl-C is to reach."""
        return subprocess.Popen(
            [KXBENCH, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment(),
            process_group=0 if apart else None,
        )

    def json(self, *arguments: str) -> Any:
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def plan(self, *cases: str, blocks: int = 1, more: str = "") -> Path:
        """A plan file of cases given as TOML inline tables."""
        path = self.folder / "plan.toml"
        tables = "".join(f"\n[[cases]]\n{case}\n" for case in cases)
        path.write_text(f'name = "test"\ntargets = ["process"]\nblocks = {blocks}\n{more}\n{tables}')
        return path


def until(true: Callable[[], object], seconds: float = 120) -> None:
    """Poll until ``true`` is; AssertionError after ``seconds``."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)


def namespaces() -> set[str]:
    """The suite's namespaces that exist now."""
    folder = Path("/run/netns")
    return {p.name for p in folder.iterdir() if p.name.startswith("kxb-")} if folder.is_dir() else set()


def processes_in(netns: str) -> dict[int, str]:
    """Processes (pid: name) in a namespace of ours."""
    listed = subprocess.run(["ip", "netns", "pids", netns], capture_output=True, text=True, check=False)
    found = {}
    for pid in map(int, listed.stdout.split()):
        try:
            found[pid] = Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            continue
    return found


def find_process(name: str) -> int | None:
    """A process of this name in any namespace of ours."""
    for netns in namespaces():
        for pid, comm in processes_in(netns).items():
            if comm.startswith(name[:15]):
                return pid
    return None


def leftover_cgroups() -> list[Path]:
    roots = [
        line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines() if " cgroup2 " in line
    ]
    return [path for root in dict.fromkeys(roots) for path in Path(root).glob("kxb-*")]
