"""The LibOS's core in an ordinary process: C tests in hosted/, plain and under AddressSanitizer and UBSan."""

import pytest

from tests.targets.kylinx.conftest import SANITIZED, Hosted, run_hosted


@SANITIZED
@pytest.mark.parametrize("name", ["core", "futex"])
def test_hosted(hosted: Hosted, name: str, sanitized: bool) -> None:
    run_hosted(hosted(name, sanitized))
