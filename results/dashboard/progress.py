"""How far a run is that is going on."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from results.sections import outcomes_of
from results.units import duration
from vocabulary import CellRecord, RunRecord, RunState


@dataclass(frozen=True, slots=True)
class Progress:
    """``left_s`` is a guess by the mean of the cells so far; None before the first and after the last.
    ``heard_s`` is how long ago the last cell ended."""

    run_id: str
    state: str
    done: int
    planned: int
    outcomes: dict[str, int]
    last: str
    elapsed_s: float
    left_s: float | None
    heard_s: float

    @property
    def words(self) -> str:
        left = f", about {duration(self.left_s)} left" if self.left_s is not None else ""
        last = f"; the last one ended {duration(self.heard_s)} ago: {self.last}" if self.last else ""
        return f"{self.done} of {self.planned} cells{left}{last}"


def progress_of(run: RunRecord, cells: Sequence[CellRecord], now_s: float | None = None) -> Progress:
    now_s = time.time() if now_s is None else now_s
    running = run.state is RunState.RUNNING
    last = max(cells, key=lambda cell: cell.started_s + cell.duration_s, default=None)
    ended_s = run.started_s if last is None else last.started_s + last.duration_s
    until_s = now_s if running else run.finished_s or ended_s
    planned = max(run.cells_planned, len(cells))
    each_s = (ended_s - run.started_s) / len(cells) if cells else None
    guess = each_s is not None and running and len(cells) < planned
    return Progress(
        run_id=run.run_id,
        state=str(run.state),
        done=len(cells),
        planned=planned,
        outcomes=outcomes_of(cells),
        last=f"{last.case} on {last.target}, {last.outcome}" if last else "",
        elapsed_s=round(max(0.0, until_s - run.started_s), 1),
        left_s=round(max(0.0, (each_s or 0.0) * (planned - len(cells))), 1) if guess else None,
        heard_s=round(max(0.0, now_s - ended_s), 1),
    )
