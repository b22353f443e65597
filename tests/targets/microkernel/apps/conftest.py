"""The applications on the host (tasks/app/host.c), plain and under AddressSanitizer and UBSan."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.local import free_port
from tests.targets.microkernel.apps.serving import Served, serving

APP = Path(__file__).parents[4] / "targets" / "microkernel" / "tasks" / "app"
LIMIT_S = 280

Build = Callable[[bool], Path]
Start = Callable[..., Served]


def make(*words: str) -> None:
    command = ["make", "-s", f"-j{os.cpu_count()}", "-C", str(APP), *words]
    made = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The folder of the programs, made once for each kind: sanitized or not."""
    folders: dict[bool, Path] = {}

    def build(sanitized: bool) -> Path:
        if sanitized not in folders:
            folder = tmp_path_factory.mktemp("apps")
            make("all", f"B={folder}", *["SAN=1"] * sanitized)
            folders[sanitized] = folder
        return folders[sanitized]

    return build


@pytest.fixture(scope="module")
def start(build: Build) -> Iterator[Start]:
    """Starts ``mk-NAME`` with more arguments, sanitized unless told otherwise; all end with the module, and
    none may have complained."""
    with ExitStack() as running:

        def start(name: str, *words: str | Path, sanitized: bool = True) -> Served:
            program = build(sanitized) / f"mk-{name}"
            port = free_port()
            command = [str(program), "--port", str(port), *map(str, words)]
            return running.enter_context(serving(command, port))

        yield start
