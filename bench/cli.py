"""The command line. Commands are thin: they read words, call a module, show what it gives."""

import inspect
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import boards, gates, images, pvms, trend, verifying
from bench.console import RunProgress, err, out, print_json, print_table, working
from vocabulary import (
    EXIT_CELL_FAILED,
    EXIT_HOST,
    EXIT_NEGATIVE,
    HostError,
    KxbenchError,
    Outcome,
    RunRecord,
    RunState,
    UsageError,
)

if TYPE_CHECKING:  # commands import what they use: --help stays quick
    from bench.engine import Finished
    from results.store import Store

ROOT = Path(__file__).resolve().parent.parent
app = typer.Typer(
    help="Measure how close an alternative to the process comes to the process.\n\n"
    "Start with [bold]kxbench run smoke[/] (a minute) or [bold]kxbench run[/] (the quick plan, five "
    "minutes); then [bold]kxbench show latest[/]. Measuring needs root.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 the answer is no (tests, a gate, a claim), 2 wrong usage, "
    "3 it cannot be told, 4 this machine lacks something or is another, 5 a cell failed, "
    "6 results could not be kept, 70 a bug, 125 pvm run or exec could not start or follow, "
    "130/143 interrupted (docs/exit-codes.md).",
)
app.add_typer(images.app, name="image")
app.add_typer(pvms.app, name="pvm")
app.add_typer(gates.app, name="baseline")
app.command()(gates.gate)
app.command()(gates.calibrate)
app.command()(verifying.verify)
app.command()(trend.trend)
app.command()(boards.dashboard)
app.command()(boards.push)

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="KXBENCH_STORE",
        help="SQLite file or database URL (postgresql+psycopg://...)",
        metavar="URL",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, the beginning of one, or 'latest'.")
]


@app.command()
def setup(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be installed, install nothing.")
    ] = False,
) -> None:
    """Install what is missing: system packages (apt) and the locked Python environment."""
    # bench/bootstrap.py does this before there is an environment to import from; here it is done already
    del dry_run
    err.print("kxbench: set up already: nothing to do")


@app.command()
def doctor(json: JsonOption = False) -> None:
    """Say what this machine can do, tested by doing it, and the remedy for what it cannot.

    Exit code 4 when nothing can be measured: without root, or without namespaces. The rest is optional."""
    from bench.doctor import examine

    with working("trying what this machine can do"):
        findings = list(examine())
    if json:
        print_json([finding.as_dict() for finding in findings])
    else:
        print_table(
            "",
            ["", "capability", "found", "remedy"],
            [("yes" if f.ok else "no", f.name, f.detail, "" if f.ok else f.remedy) for f in findings],
        )
    if lacking := [f.name for f in findings if f.required and not f.ok]:
        err.print(f"kxbench: nothing can be measured without: {', '.join(lacking)}", markup=False)
        raise typer.Exit(EXIT_HOST)


@app.command("list")
def list_(
    what: Annotated[
        str, typer.Argument(help="plans, targets, cases, probes or runs; or a case, for its parameters")
    ] = "",
    json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """List what there is to run, and what has been run."""
    from bench.catalogue import SECTIONS, parameters, rows
    from workloads import CASES

    if what and what not in SECTIONS and what not in CASES:
        raise UsageError(
            f"nothing called {what!r} to list", remedy=f"one of: {', '.join(SECTIONS)}, or the name of a case"
        )
    chosen = [what] if what else [s for s in SECTIONS if s != "runs"]
    listing = {name: parameters(name) if name in CASES else rows(name, store) for name in chosen}
    if json:
        print_json(listing if not what else listing[what])
        return
    for section, entries in listing.items():
        columns = list(entries[0]) if entries else ["none yet"]
        print_table(f"[bold]{section}[/]", columns, [list(map(_plain, e.values())) for e in entries])
        out.print()


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


@app.command(
    help="Measure: run a plan, keep every result, write the report.\n\n"
    "Every (target, case) is deployed afresh once in each block, in an order shuffled by the seed. "
    "Ctrl-C stops cleanly and keeps what was measured; [bold]kxbench resume latest[/] finishes it."
)
def run(
    plan: Annotated[
        str, typer.Argument(help="A built-in plan, from `kxbench list plans`, or a TOML file.")
    ] = "quick",
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            help="Only this target; again for more. process@b is a second one, kylinx@COMMIT of that code.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only cases of this kind; again for more.")
    ] = None,
    blocks: Annotated[
        int | None, typer.Option("--blocks", help="Deployments of each cell.", min=1, max=1000)
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of order and data.", min=0)] = None,
    no_probes: Annotated[
        bool, typer.Option("--no-probes", help="Leave out the cells with eBPF probes.")
    ] = False,
    beside: Annotated[
        str | None,
        typer.Option(
            "--beside",
            help="Deploy this code in the same blocks as well: a baseline, a run, a commit.",
            metavar="BASELINE",
        ),
    ] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    from bench import engine
    from bench.gate.beside import code_wanted, with_twins
    from bench.plan import adapt, load
    from bench.stored import opened

    chosen = adapt(
        load(plan), targets=target or [], only=only or [], blocks=blocks, seed=seed, no_probes=no_probes
    )
    engine.demand_root()
    with opened(store) as kept:
        if beside is not None:
            commit, called = code_wanted(kept, beside)
            chosen = with_twins(chosen, commit)
            err.print(f"kxbench: beside the code of commit {commit[:12]} ({called})", markup=False)
        _conclude(engine.start(chosen, plan, kept, RunProgress()), kept, json)


@app.command()
def resume(
    run: RunArgument = "latest",
    failed: Annotated[
        bool, typer.Option("--failed", help="Run the failed and noisy cells again as well.")
    ] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Finish an interrupted run: the cells it lacks, in the order they were to have."""
    from bench import engine
    from bench.stored import opened

    engine.demand_root()
    with opened(store) as kept:
        again = (Outcome.FAILED, Outcome.NOISY) if failed else ()
        chosen = _latest_unfinished(kept.runs()) if run == "latest" and not failed else kept.run(run)
        _conclude(engine.resume(chosen, kept, RunProgress(), again), kept, json)


def _latest_unfinished(runs: list[RunRecord]) -> RunRecord:
    unfinished = [run for run in runs if run.state is RunState.INTERRUPTED]
    if not unfinished:
        raise UsageError(
            "no run is unfinished: nothing to resume",
            remedy="name a run; with --failed its failed and noisy cells are run again",
        )
    return unfinished[-1]


def _conclude(finished: "Finished", store: "Store", json: bool) -> None:
    """The same ending for run and resume: the figures, where the report is, the exit code."""
    from bench.appraisal import appraise
    from bench.headline import headline
    from bench.judged import keep_judgement
    from bench.views import comparisons_within, replicates_of, write_reports

    with working("judging, and writing the report"):
        replicates = replicates_of(store, finished.run_id)
        run = appraise(store, store.run(finished.run_id), replicates)
        comparisons = comparisons_within(run, replicates)
        keep_judgement(store, run, replicates, comparisons)
        paths = write_reports(store, run, replicates, comparisons)
    outcomes = Counter(str(cell.outcome) for cell in store.cells(finished.run_id))
    counts = {str(outcome): outcomes[str(outcome)] for outcome in Outcome if outcomes[str(outcome)]}
    if json:
        print_json(
            {"run": finished.run_id, "state": finished.state, "outcomes": counts, "left": finished.left}
            | {"report": str(paths[0]), "markdown": str(paths[1])}
        )
    else:
        headline(run, replicates, comparisons)
        told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        out.print(
            f"[bold]{finished.state}[/]: {told or 'no cells'}"
            + (f", {finished.left} not run" if finished.left else "")
        )
        if finished.left:
            out.print(f"go on with: kxbench resume {finished.run_id}")
        elif outcomes["noisy"] or outcomes["failed"]:
            out.print(f"run the noisy and failed cells again: kxbench resume --failed {finished.run_id}")
        if len(run.plan["targets"]) > 1:
            out.print(f"the targets side by side: kxbench compare {finished.run_id}")
        out.print(f"report: {paths[0]}")
    if finished.exit_code:
        raise typer.Exit(finished.exit_code)
    if finished.outcomes[Outcome.FAILED]:
        raise typer.Exit(EXIT_CELL_FAILED)


@app.command()
def show(
    run: RunArgument = "latest",
    cells: Annotated[
        bool, typer.Option("--cells", help="Every cell with its outcome, instead of the figures.")
    ] = False,
    kind: Annotated[str | None, typer.Option("--only", help="Only cases of this kind.")] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every series; without it those that are judged.")
    ] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show a run's figures: median over deployments with its 95 % interval."""
    from bench.stored import opened
    from bench.views import show_cells, show_run

    with opened(store) as kept:
        (show_cells if cells else show_run)(kept, kept.run(run), kind, all_, json)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="RUN", help="The baseline run.")],
    b: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="The run to compare; without it the first run's targets are."),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every judged series; without it the significant ones.")
    ] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Compare two runs, or the targets within one run block by block: ratio, interval, corrected p."""
    from bench.stored import opened
    from bench.views import show_comparison

    with opened(store) as kept:
        show_comparison(kept, kept.run(a), kept.run(b) if b else None, all_, json)


@app.command()
def report(
    run: RunArgument = "latest",
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Directory for report.html and report.md.")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Write the report of a run: one HTML file that works offline, and a markdown summary."""
    from bench.stored import opened
    from bench.views import comparisons_within, replicates_of, write_reports

    with opened(store) as kept:
        chosen = kept.run(run)
        with working("judging, and writing the report"):
            replicates = replicates_of(kept, chosen.run_id)
            paths = write_reports(kept, chosen, replicates, comparisons_within(chosen, replicates), out_dir)
        for path in paths:
            out.print(str(path), markup=False)


@app.command()
def export(
    run: RunArgument = "latest",
    format_: Annotated[str, typer.Option("--format", help="json, csv or parquet.")] = "json",
    out_path: Annotated[
        Path | None,
        typer.Option("--out", help="File (json) or directory (csv, parquet); default: beside the store."),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Export a run with every raw sample. The JSON schema is in docs/export.md."""
    from bench.stored import opened
    from bench.views import export_path
    from results.export import export_run

    with opened(store) as kept:
        chosen = kept.run(run)
        with working(f"exporting {chosen.cells_planned} cells"):
            path = export_run(kept, chosen.run_id, format_, out_path or export_path(kept, chosen, format_))
        out.print(str(path), markup=False)


@app.command()
def delete(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or the beginning of one.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: StoreOption = None,
) -> None:
    """Remove a run, its samples and its report from the store, for good.

    What was exported of it, and a report written elsewhere with --out, stay."""
    from bench.stored import opened
    from bench.views import forget
    from results.baselines import baselines

    with opened(store) as kept:
        chosen = kept.run(run)
        if named := [one.called for one in baselines(kept) if chosen.run_id in one.runs]:
            err.print(f"kxbench: nothing can be judged by baseline {', '.join(named)} without this run")
        if not yes and not typer.confirm(
            f"delete run {chosen.run_id} ({chosen.plan_name}) with samples and report?"
        ):
            raise typer.Exit(EXIT_NEGATIVE)
        forget(kept, chosen.run_id)
        out.print(f"deleted {chosen.run_id}", markup=False)


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="What `kxbench export --format json` wrote.")],
    store: StoreOption = None,
) -> None:
    """Take in a run that was exported as JSON, on this machine or another; nothing of it is lost."""
    from bench.stored import opened
    from results.export import import_json

    with opened(store) as kept:
        with working(f"importing {path.name}"):
            run = import_json(kept, path)
        out.print(run.run_id, markup=False)


@app.command()
def clean(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, remove nothing.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Remove what killed runs and families left: processes, namespaces, cgroups. The living stay."""
    import shutil

    from bench.engine import demand_root
    from bench.scratch import left_behind
    from targets.kylinx.toolstack import families, limits
    from targets.lab import leftovers, remove

    demand_root("removing namespaces, cgroups and others' processes needs root")
    folders = left_behind()
    found = leftovers()
    lost, groups = families.lost(), families.stray_groups()
    if not dry_run:
        for one in lost:
            families.destroy(one)
        for name in groups:
            limits.existing(name).remove()
        remove(found)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    listed = [(str(item.kind), str(item.name)) for item in found]
    listed += [("folder", str(folder)) for folder in folders]
    listed += [("family", one.name) for one in lost] + [("control group", name) for name in groups]
    if json:
        print_json([{"kind": kind, "name": name} for kind, name in listed])
    for kind, name in [] if json else listed:
        out.print(f"{'would remove' if dry_run else 'removed'} {kind} {name}", markup=False)
    if not listed and not json:
        out.print("nothing left behind")


@app.command(context_settings={"ignore_unknown_options": True})
def test(
    arguments: Annotated[list[str] | None, typer.Argument(help="Passed to pytest.")] = None,
    env: Annotated[
        str, typer.Option("--env", help="tox environments: lint, types, tests.")
    ] = "lint,types,tests",
) -> None:
    """Run the tests through tox: lint, types, and everything from units to end to end."""
    if not os.access(ROOT, os.W_OK):
        raise HostError(
            "the tests build and write in this folder", where=str(ROOT), remedy="run it with sudo"
        )
    argv = [sys.executable, "-m", "tox", "run", "-e", env]
    if arguments:
        argv += ["--", *arguments]
    if subprocess.run(argv, cwd=ROOT, check=False).returncode:
        raise typer.Exit(EXIT_NEGATIVE)


def _unwrap(commands: typer.Typer) -> None:
    """A docstring's paragraphs, each in one line: typer breaks all but the first where the docstring does."""
    for command in commands.registered_commands:
        text = inspect.cleandoc(command.help or inspect.getdoc(command.callback) or "")
        command.help = "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
    for group in commands.registered_groups:
        if group.typer_instance is not None:
            _unwrap(group.typer_instance)


_unwrap(app)
__all__ = ["KxbenchError", "app"]
