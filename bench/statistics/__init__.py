"""From cells to figures: summaries with intervals, comparisons, the overhead of probes.

The methods, their sources, and how well they do on simulated machines: docs/statistics.md."""

from bench.statistics.comparison import compare, compare_runs
from bench.statistics.overhead import overheads, source_differences
from bench.statistics.replicates import Cells, Replicate, Replicates, gather
from bench.statistics.rows import as_json
from bench.statistics.summary import summarise

__all__ = [
    "Cells",
    "Replicate",
    "Replicates",
    "as_json",
    "compare",
    "compare_runs",
    "gather",
    "overheads",
    "source_differences",
    "summarise",
]
