"""The commands of the regression gate (thin): gate, calibrate, baseline."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.console import RunProgress, err, out, print_json, print_table, working
from vocabulary import EXIT_NEGATIVE, UsageError

app = typer.Typer(
    help="What runs are judged by: named, versioned, made on purpose.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

StoreOption = Annotated[
    str | None,
    typer.Option("--store", envvar="KXBENCH_STORE", help="SQLite file or database URL", metavar="URL"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def _file(flag: str, what: str) -> Any:
    return typer.Option(flag, help=f"Write {what} to this file; '-' is standard output.", metavar="FILE")


def gate(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's id, the beginning of one, or 'latest'.")
    ] = "latest",
    baseline: Annotated[
        str, typer.Option("--baseline", help="A baseline's name (or NAME@VERSION), a run, or a commit.")
    ] = "",
    confirm: Annotated[
        bool | None,
        typer.Option(
            "--confirm/--no-confirm",
            help="Measure again what looks like a regression; by default if the targets can be deployed.",
        ),
    ] = None,
    other_machine: Annotated[
        bool, typer.Option("--other-machine", help="Take a baseline of another machine all the same.")
    ] = False,
    all_: Annotated[bool, typer.Option("--all", help="Show the unchanged metrics, too.")] = False,
    markdown_to: Annotated[Path | None, _file("--markdown", "a pull-request comment")] = None,
    junit_to: Annotated[Path | None, _file("--junit", "JUnit XML")] = None,
    sarif_to: Annotated[Path | None, _file("--sarif", "SARIF 2.1")] = None,
    json_to: Annotated[Path | None, _file("--json-file", "the JSON that --json prints")] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Is a run worse than a baseline? A metric is if three things say so (docs/gate.md):

    a permutation test, corrected for all metrics judged; the interval of the ratio, which must be beyond the
    metric's threshold; and its cell measured again.

    Exit code 0: no, 1: yes, 3: cannot be told, 4: the baseline is of another machine, 5: a target failed."""
    from bench.gate.choosing import judged_run
    from bench.gate.gate import gate as judge_run
    from bench.gate.junit import junit
    from bench.gate.sarif import sarif
    from bench.gate.telling import markdown, show
    from bench.stored import opened
    from results.baselines import Verdict, keep_verdict

    demand_one_output(json, markdown_to, junit_to, sarif_to, json_to)
    if not baseline:
        raise UsageError(
            "a gate needs a baseline", remedy="--baseline NAME, RUN or COMMIT; see baseline list"
        )
    with opened(store) as kept:
        chosen = judged_run(kept, run)
        report = judge_run(
            kept, chosen, baseline, confirm=confirm, other_machine=other_machine, reporter=RunProgress()
        )
        if kept.writable:
            told = report.as_json()
            keep_verdict(kept, Verdict(chosen.run_id, "gate", time.time(), report.exit_code, told))
    for path, render in ((markdown_to, markdown), (junit_to, junit), (sarif_to, sarif), (json_to, _as_text)):
        if path is not None:
            write(path, render(report))
    if json:
        print_json(report.as_json())
    elif Path("-") not in (markdown_to, junit_to, sarif_to, json_to):
        show(report, all_)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _as_text(report: Any) -> str:
    import json

    return json.dumps(report.as_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def demand_one_output(json: bool, *files: Path | None) -> None:
    """Raises UsageError: two reports on standard output are neither."""
    if files.count(Path("-")) + json > 1:
        raise UsageError(
            "more than one report on standard output", remedy="one of --json and '-'; files for the others"
        )


def write(path: Path, text: str) -> None:
    """To a file, or to standard output for ``-``. Raises StoreError."""
    import sys

    from results.faults import WRITING_OUT, storing

    if path == Path("-"):
        sys.stdout.write(text)
        return
    with storing("the report was not written", str(path), WRITING_OUT):
        path.write_text(text, encoding="utf-8")


def calibrate(
    plan: Annotated[
        str | None,
        typer.Argument(help="The plan that is gated: a built-in one or a TOML file.", show_default="gate"),
    ] = None,
    runs: Annotated[int, typer.Option("--runs", help="How often it is run.", min=3, max=50)] = 5,
    of: Annotated[
        list[str] | None,
        typer.Option("--of", help="Measure nothing: take this run that is there; three times or more."),
    ] = None,
    beside: Annotated[
        bool,
        typer.Option("--beside", help="For runs with --beside: deploy the committed code twice in each."),
    ] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """How much do runs of the same differ here? Makes the thresholds of `gate` on this machine.

    Runs a plan several times (A/A: nothing changes between them) and keeps, for each metric, by how much two
    runs of the same differ beyond what their deployments explain. The thresholds go with the machine's
    fingerprint: on another machine, or another kernel, calibrate again."""
    from bench.gate.calibrating import calibrated, measure
    from bench.stored import opened

    if of and plan is not None:
        raise UsageError("--of takes runs that are there, of their own plan", remedy=f"leave out {plan}")
    if of and beside:
        raise UsageError("--of takes runs as they are", remedy="leave out --beside")
    with opened(store) as kept:
        chosen = (
            [kept.run(name) for name in of]
            if of
            else measure(kept, plan or "gate", runs, RunProgress(), beside=beside)
        )
        with working("reading samples"):
            made = calibrated(kept, chosen)
    if json:
        print_json({"plan": made.plan_name, "machine": made.machine, "runs": made.runs, "noise": made.noise})
        return
    from bench.gate.calibration import worst_first

    print_table(
        f"machine {made.machine}: {len(made.runs)} runs of plan {made.plan_name}",
        ["series", "threshold alone", "run to run", "deployments", "judged as"],
        [
            (
                *(name, f"{one['threshold']:.1%}", f"{one['between']:.1%}", f"{one['within']:.1%}"),
                _judged_as(name, one),
            )
            for name, one in worst_first(made.noise)
        ],
        right=("threshold alone", "run to run", "deployments"),
    )
    if not made.noise:
        err.print("kxbench: no series was measured often enough in every run: nothing is calibrated")


def _judged_as(name: str, one: Any) -> str:
    from bench.gate.calibration import beside_name

    if name.startswith(beside_name("")):
        return "ratio to the same in its blocks"
    return "ratio to the control" if one["paired"] else "itself"


@app.command("set")
def set_(
    name: Annotated[str, typer.Argument(help="What it is to be called: main, release-1.2.")],
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="One run, or several of the same plan and commit.")
    ],
    why: Annotated[str, typer.Option("--why", help="Why it is made now; kept with it.")] = "",
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Make a run a baseline: the next version of that name. The old versions stay."""
    from bench.gate.choosing import doubts, judged_run, set_baseline
    from bench.stored import opened

    with opened(store) as kept:
        chosen = [judged_run(kept, run) for run in runs]
        made = set_baseline(kept, name, chosen, why)
        doubted = doubts(kept, chosen)
        row = _baseline_row(made, kept)
    if json:
        print_json(row)
    else:
        out.print(f"{made.called} is run {', '.join(made.runs)}, commit {chosen[0].code}", markup=False)
    for doubt in doubted:
        err.print(f"  [yellow]warning:[/] {doubt}")


@app.command("list")
def list_(store: StoreOption = None, json: JsonOption = False) -> None:
    """All baselines, each in its newest version."""
    from bench.stored import opened
    from results.baselines import baselines

    with opened(store) as kept:
        newest = {one.name: one for one in baselines(kept)}
        rows = [_baseline_row(one, kept) for one in newest.values()]
    _show_baselines(rows, json)


@app.command("show")
def show_(
    name: Annotated[str, typer.Argument(help="A baseline's name.")],
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Every version of a baseline: who made it, when, of what, and why."""
    from bench.gate.choosing import named_baseline
    from bench.stored import opened
    from results.baselines import baselines

    with opened(store) as kept:
        versions = baselines(kept, named_baseline(kept, name).name)
        rows = [_baseline_row(one, kept) for one in versions]
    _show_baselines(rows, json)


@app.command()
def diff(
    a: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="The earlier one.")],
    b: Annotated[
        str | None,
        typer.Argument(metavar="[NAME[@VERSION]]", help="The later one; by default the newest of that name."),
    ] = None,
    other_machine: Annotated[
        bool, typer.Option("--other-machine", help="Compare baselines of two machines all the same.")
    ] = False,
    all_: Annotated[bool, typer.Option("--all", help="Show the unchanged metrics, too.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """What changed from one baseline to another: the gate's comparison. Exit code 1 if anything got worse."""
    from bench.gate.gate import difference
    from bench.gate.report import Finding
    from bench.gate.telling import show
    from bench.stored import opened

    with opened(store) as kept:
        report = difference(kept, a, b, other_machine=other_machine)
    if json:
        print_json(report.as_json())
    else:
        show(report, all_)
    if report.of(Finding.REGRESSION):
        raise typer.Exit(EXIT_NEGATIVE)


def _baseline_row(one: Any, store: Any) -> dict[str, Any]:
    try:
        code = store.run(one.runs[0]).code
    except UsageError:
        code = "its run is gone"
    return {
        "baseline": one.called,
        "runs": list(one.runs),
        "commit": one.commit,
        "code": code,
        "machine": one.machine,
        "host": one.host,
        "made_by": one.made_by,
        "made": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(one.made_s)),
        "why": one.why,
    }


def _show_baselines(rows: list[dict[str, Any]], json: bool) -> None:
    if json:
        print_json(rows)
        return
    if not rows:
        err.print("kxbench: no baseline yet: kxbench baseline set NAME RUN --why ...", markup=False)
        return
    shown = [{key: value for key, value in row.items() if key != "commit"} for row in rows]
    listed = [[", ".join(v) if isinstance(v, list) else str(v) for v in row.values()] for row in shown]
    print_table("", list(shown[0]), listed)
