"""The few figures everybody asks for first, at the end of a run; of several targets with their ratios."""

from collections.abc import Iterator, Sequence

from bench.console import out, print_table, quantity
from bench.statistics import Replicates
from bench.views import interval, summary_of
from results.families import called
from results.figures import against_of
from vocabulary import ComparisonRow, RunRecord, SummaryRow

HEADLINES: tuple[tuple[str, str], ...] = (  # (kind, metric)
    *(("null", "system_call"), ("ctxsw", "switch")),
    *(("kernel", metric) for metric in ("null_call", "yield", "space_switch", "round_trip")),
    *(("fork", "parent"), ("fork", "child"), ("exec", "to_main"), ("create", "to_main"), ("cow", "write")),
    *((kind, "one_way") for kind in ("pipe", "sysv_mq", "posix_mq", "kill", "exitwait")),
    *((kind, "one_way") for kind in ("sysv_shm", "posix_shm")),
    *(("dlopen", "open"), ("update", "total"), ("update", "stall")),
    *(("redis", "latency"), ("redis", "throughput"), ("redis_sweep", "knee_rate"), ("redis_bgsave", "fork")),
    *(("http", "latency"), ("http", "throughput"), ("http_sweep", "knee_rate")),
    *(("dns", "latency"), ("dns", "throughput"), ("dns_sweep", "knee_rate")),
)
_WIDE = 110  # columns of a terminal in which "what" fits unfolded


def headline(run: RunRecord, replicates: Replicates, comparisons: Sequence[ComparisonRow]) -> None:
    """``comparisons`` are those of the run's first target with each other one."""
    rows = [row for row in summary_of(run, replicates) if not row.probed and row.source != "probe"]
    chosen = [row for pair in HEADLINES for row in rows if (row.kind, row.metric) == pair]
    first, *others = dict.fromkeys(run.plan["targets"])
    if chosen and others:
        _beside(chosen, first, others, comparisons)
    elif chosen:
        _alone(chosen)


def _alone(rows: Sequence[SummaryRow]) -> None:
    print_table(
        "",
        ["target", "what", "with", "median", "95 % interval", "deployments", ""],
        [
            (
                *(row.target, called(row.kind, row.metric), _variant(row), quantity(row.estimate, row.unit)),
                *(interval(row.low, row.high, row.unit), row.deployments, row.note),
            )
            for row in rows
        ],
        right=("median",),
    )


def _beside(
    rows: Sequence[SummaryRow], first: str, others: Sequence[str], comparisons: Sequence[ComparisonRow]
) -> None:
    """A line for each figure and further target. The ratio is what `compare` says."""
    one = len(others) == 1
    figures = [first, others[0] if one else "median", "ratio", "95 % interval"]
    columns = ["what", "with", *([] if one else ["target"]), *figures, ""]
    found: dict[tuple[str, str], dict[str, SummaryRow]] = {}
    for row in rows:
        found.setdefault((row.case, row.series), {})[row.target] = row
    ratios = {(row.case, row.series, row.b): row for row in comparisons if row.a == first}
    lines = [
        _line(figure, first, other, ratios.get((*key, other)), one)
        for key, figure in found.items()
        for other in others
        if first in figure or other in figure
    ]
    whole = figures if out.width < _WIDE else ["what", *figures]
    print_table(
        f"ratios are to {first}; better and worse where the difference is significant",
        columns,
        lines,
        right=figures[:3],
        whole=whole,
    )


def _line(
    figure: dict[str, SummaryRow], first: str, other: str, ratio: ComparisonRow | None, one: bool
) -> Iterator[str]:
    any_ = next(iter(figure.values()))
    yield called(any_.kind, any_.metric)
    yield _variant(any_)
    if not one:
        yield other
    for target in (first, other):
        yield quantity(figure[target].estimate, figure[target].unit) if target in figure else "–"
    against = against_of(ratio)
    yield against.ratio if against else ""
    yield against.interval if against else ""
    verdict = against.verdict if against and against.verdict in ("better", "worse") else ""
    notes = {t: figure[t].note if t in figure else "not measured" for t in (first, other)}
    if len(set(notes.values())) == 1:  # of both alike
        notes = {"both": notes[first]}
    yield "; ".join(filter(None, [verdict, *(f"{t}: {note}" for t, note in notes.items() if note)]))


def _variant(row: SummaryRow) -> str:
    """The case's parameters and the series' labels, each once."""
    parameters = row.case.removeprefix(row.kind).strip("[]").split(",")
    labels = [f"{key}={value}" for key, value in row.labels.items()]
    return " ".join(filter(None, dict.fromkeys(parameters + labels)))
