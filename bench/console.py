"""What the person sees: progress, tables, JSON, errors."""

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from bench.plan import Cell
from results.units import duration
from vocabulary import CellRecord, KxbenchError, Outcome, RunRecord

# not on a terminal: lines as long as they are, for grep and logs
out = Console(highlight=False, width=None if sys.stdout.isatty() else 220)
err = Console(stderr=True, highlight=False, soft_wrap=True)

STYLES = {Outcome.OK: "green", Outcome.FAILED: "red", Outcome.UNSUPPORTED: "yellow", Outcome.NOISY: "magenta"}


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str, allow_nan=False) + "\n")


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Iterable[object]],
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
) -> None:
    """A table for eyes; cells are text, not markup. Columns in ``whole`` keep their width where room is
    short: the others are folded."""
    table = Table(
        title=title or None,
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
        show_header=any(columns),
    )
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=column in whole,
        )
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    out.print(table)


def print_error(error: KxbenchError) -> None:
    err.print(f"[bold red]kxbench:[/] {escape(str(error))}")
    if error.remedy:
        err.print(f"  [bold]remedy:[/] {escape(error.remedy)}")


class RunProgress:
    """A bar with the time left on a terminal; elsewhere a line a stage and one for each cell not ok."""

    def __init__(self) -> None:
        self.terminal = err.is_terminal
        self.bar = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
            console=err,
            transient=True,
            disable=not self.terminal,
        )
        self.task = self.bar.add_task("starting", total=None)
        self.cell = ""
        self.to_do = self.done = 0
        self.began_s = 0.0

    def stage(self, what: str) -> None:
        self.bar.start()
        if self.to_do == 0 and not self.terminal:
            err.print(f"kxbench: {escape(what)}")
        self.bar.update(self.task, description=f"{self.cell}: {what}" if self.cell else what)

    def began(self, run: RunRecord, to_do: int) -> None:
        self.to_do, self.done, self.began_s = to_do, 0, time.monotonic()
        self.bar.update(self.task, total=to_do, completed=0)
        err.print(f"kxbench: run [bold]{run.run_id}[/], plan {run.plan_name}, seed {run.seed}, {to_do} cells")
        for warning in run.warnings:
            err.print(f"  [yellow]warning:[/] {escape(warning)}")

    def cell_began(self, cell: Cell) -> None:
        probes = f" +{'+'.join(cell.probes)}" if cell.probes else ""
        block = f"block {cell.block + 1}" if cell.block >= 0 else "warm-up"
        self.cell = f"{block}, {cell.target} {cell.case}{probes}"
        self.bar.update(self.task, description=self.cell)

    def cell_ended(self, record: CellRecord) -> None:
        self.done += 1
        self.bar.update(self.task, advance=1)
        if record.outcome is not Outcome.OK:
            style = STYLES[record.outcome]
            err.print(f"  [{style}]{record.outcome}[/] {escape(self.cell)}: {escape(record.reason)}")
        if not self.terminal and self.done % max(self.to_do // 10, 1) == 0:
            left_s = (time.monotonic() - self.began_s) / self.done * (self.to_do - self.done)
            left = f", about {duration(left_s)} left" if left_s >= 1 else ""
            err.print(f"kxbench: {self.done} of {self.to_do} cells done{left}")

    def note(self, what: str) -> None:
        err.print(f"  [yellow]note:[/] {escape(what)}")

    def ended(self) -> None:
        self.bar.stop()


@contextmanager
def working(what: str) -> Iterator[None]:
    """A line that moves while something takes its time, with the seconds so far; nothing off a terminal."""
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        bar.add_task(what, total=None)
        yield


def quantity(value: float, unit: str) -> str:
    """A number for people, in the unit's own scale: 41.2 µs, 12.3 k/s, 1.5 MiB."""
    if value != value:
        return "?"
    scales: Mapping[str, Sequence[tuple[float, str]]] = {
        "ns": ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns")),
        "ops/s": ((1e6, "M/s"), (1e3, "k/s"), (1, "/s")),
        "instructions": ((1e7, "M instr."), (1e4, "k instr."), (1, "instr.")),
        "1/30s": ((1e6, "M/30 s"), (1e3, "k/30 s"), (1, "/30 s")),
        "bytes": ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B")),
        "bytes/s": ((2**30, "GiB/s"), (2**20, "MiB/s"), (2**10, "KiB/s"), (1, "B/s")),
    }
    if unit not in scales:
        return f"{value:.4g}" if unit == "1" else f"{value:.4g} {unit}"
    factor, name = next((s for s in scales[unit] if abs(value) >= s[0]), scales[unit][-1])
    return f"{value / factor:.3g} {name}" if abs(value / factor) < 1000 else f"{value / factor:.0f} {name}"
