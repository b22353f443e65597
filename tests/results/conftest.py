"""Made-up records for the tests: the shapes are real, the figures are nobody's measurements."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from results.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as opened:
        yield opened
