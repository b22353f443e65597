"""The dashboard as a process of its own, as people start it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("KXBENCH_")}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def kxbench(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "bench", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, env=environment(**more), cwd=ROOT
    )


class Served:
    """On a free port; ended at the end of the ``with``."""

    def __init__(self, store: Path, *arguments: str, **more: str) -> None:
        command = [sys.executable, "-P", "-m", "bench", "dashboard", "--store", str(store), "--port", "0"]
        self._process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, text=True, env=environment(**more), cwd=ROOT
        )

    def __enter__(self) -> str:
        """The URL, without a slash at the end."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert "http://" in line, line
        return line.split()[1].rstrip("/")

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=90)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            if self._process.stdout:
                self._process.stdout.close()
