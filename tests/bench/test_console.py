"""What a person sees of a run while it goes on."""

import pytest

from bench.console import RunProgress
from tests.bench.made_up import cell
from tests.results.made_up import a_run


def test_the_count_of_cells_starts_anew_with_every_run(capsys: pytest.CaptureFixture[str]) -> None:
    """A calibration makes several runs with one reporter."""
    progress = RunProgress()
    for _ in range(2):
        progress.began(a_run(), 2)
        for block in range(2):
            progress.cell_ended(cell(block, block, [])[0])
    told = capsys.readouterr().err
    assert told.count("1 of 2 cells done") == told.count("2 of 2 cells done") == 2
