"""The command verify (thin): published claims against a run."""

import time
from pathlib import Path
from typing import Annotated

import typer

from bench.console import RunProgress, print_json, working
from bench.gates import JsonOption, StoreOption, demand_one_output, write
from vocabulary import UsageError


def verify(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's id, the beginning of one, or 'latest'.")
    ] = "latest",
    claims: Annotated[
        list[str] | None,
        typer.Option("--claims", help="A TOML file, or shipped claims by name; again for more."),
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Make the run: every case that the claims need, and no other.")
    ] = False,
    blocks: Annotated[
        int, typer.Option("--blocks", help="With --measure: deployments of each cell.", min=3, max=1000)
    ] = 5,
    markdown_to: Annotated[
        Path | None, typer.Option("--markdown", help="Write markdown to this file; '-' is standard output.")
    ] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Do published claims hold here? Each holds, fails, is inconclusive or cannot be measured here, with why.

    Exit code 0: all that could be measured hold, 1: one fails, 3: one is inconclusive or none could be
    measured. docs/claims.md tells how to write your own."""
    from bench.claims.file import load
    from bench.claims.judging import exit_code
    from bench.claims.judging import verify as judge
    from bench.claims.measuring import measured
    from bench.claims.telling import markdown, show
    from bench.gate.choosing import judged_run
    from bench.gate.sides import finite
    from bench.statistics import gather
    from bench.stored import opened
    from results.baselines import Verdict, keep_verdict

    demand_one_output(json, markdown_to)
    chosen = load(claims or [])
    if measure and run != "latest":
        raise UsageError("--measure makes a run of its own", remedy=f"leave out {run}, or --measure")
    with opened(store) as kept:
        record = measured(kept, chosen, blocks, RunProgress()) if measure else judged_run(kept, run)
        with working("reading samples"):
            replicates = gather(finite(kept.samples(record.run_id), record.run_id))
        verdicts = judge(chosen, record, replicates, list(kept.cells(record.run_id)))
        code = exit_code(verdicts)
        told = {"run": record.run_id, "exit_code": code, "claims": [one.as_json() for one in verdicts]}
        if kept.writable:
            keep_verdict(kept, Verdict(record.run_id, "claims", time.time(), code, told))
    if markdown_to is not None:
        write(markdown_to, markdown(record.run_id, verdicts))
    if json:
        print_json(told)
    elif markdown_to != Path("-"):
        show(record.run_id, verdicts)
    if code:
        raise typer.Exit(code)
