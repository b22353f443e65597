import os
from pathlib import Path

import pytest

from tests.end_to_end.suite import Suite


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    if os.geteuid() != 0:
        pytest.skip("measuring needs root")
    return Suite(tmp_path)
