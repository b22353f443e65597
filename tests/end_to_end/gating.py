"""A plan small enough for tests of the gate, and a baseline that the same code is slower than."""

from dataclasses import replace
from pathlib import Path

from results.store import Store

PLAN = """
name = "tiny"
targets = ["process", "process@again"]
blocks = 6
budget_s = 120
[gate]
noisy = true        # what else runs on the tests' machine is no concern of the test
threshold = 0.1
blind = 1e9
ignore = ["{ignore}"]
[[cases]]
kind = "pipe"
params = {{ mode = "awake", budget_ms = 20 }}
"""


def write_plan(folder: Path) -> Path:
    path = folder / "tiny.toml"
    text = PLAN.format(ignore='first_*", "channel_open", "throughput", "round_trip')
    path.write_text(text)
    return path


def faster_past(store: Store, run_id: str, factor: float) -> str:
    """A run like that one, in which process@again took ``factor`` of the time. Its id."""
    run = store.run(run_id)
    past = replace(run, run_id=f"{run_id[:-4]}0000", started_s=run.started_s - 3600)
    store.create_run(past)
    for cell, series in store.samples(run_id):
        if cell.target == "process@again":
            series = [replace(one, values=one.values * factor) for one in series]
        store.add_cell(past.run_id, cell, series)
    return past.run_id
