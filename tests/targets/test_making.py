"""`make` for targets: what it says when it fails, and that two at once do not collide."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from targets.making import make
from vocabulary import HostError, TargetError

ONE_AT_A_TIME = """all:
\tmkdir busy
\tsleep 0.2
\trmdir busy
\techo built >> built
"""


def test_the_compilers_first_error_is_the_error(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(
        "all:\n\t@echo 'a.c: In function f:' >&2; echo 'a.c:3: error: no such thing' >&2; exit 1\n"
    )
    with pytest.raises(TargetError, match=r"a\.c:3: error: no such thing") as caught:
        make(tmp_path, tmp_path / "build")
    assert "In function f" in caught.value.console
    assert "./kxbench setup" in caught.value.remedy


def test_two_builds_take_turns(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(ONE_AT_A_TIME)
    code = "import pathlib, sys; from targets.making import make; make(*map(pathlib.Path, sys.argv[1:]))"
    command = [sys.executable, "-c", code, str(tmp_path), str(tmp_path / "build")]
    builders = [subprocess.Popen(command) for _ in range(3)]
    assert [builder.wait() for builder in builders] == [0, 0, 0]
    assert (tmp_path / "built").read_text() == "built\n" * 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_where_one_may_not_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(HostError, match="cannot be built"):
        make(tmp_path, tmp_path / "build")
