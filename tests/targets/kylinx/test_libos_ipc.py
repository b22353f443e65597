"""Pipes, sockets, queues and event files of the LibOS between hosted pVMs, sanitized and plain."""

import pytest

from tests.targets.kylinx.conftest import HERE, SANITIZED, Hosted, run_hosted


@SANITIZED
@pytest.mark.parametrize("name", sorted(path.stem for path in (HERE / "hosted").glob("ipc_*.c")))
def test_hosted(hosted: Hosted, name: str, sanitized: bool) -> None:
    run_hosted(hosted(name, sanitized))
