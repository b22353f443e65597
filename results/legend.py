"""How to read the report, in the words of both its forms."""

LEGEND = (
    (
        "Estimate",
        "the median over deployments (fresh boots) of each one's own median; of plain cells, unless a probe "
        "is named",
    ),
    (
        "Interval",
        "beside the estimate, in the same unit: 95 %, a hierarchical bootstrap over deployments and the "
        "samples in them. Of fewer than three deployments (or pairs) there is none",
    ),
    ("n", "deployments / samples: how many boots, and how many values of all of them together"),
    ("p05–p95, p99", "percentiles of the samples of all deployments together"),
    (
        "Spread",
        "drawn from half to twice the estimate, on a logarithmic axis: line p05–p95, bar p25–p75, tick the "
        "estimate",
    ),
    (
        "Ratio",
        "of several targets: each one's figure over the first's, 1.00× as much, with its 95 % interval, from "
        "pairs of the same block; so it is not quite the ratio of the two medians shown",
    ),
    (
        "Instructions counted, indicative",
        "of an emulated machine: a count of instructions is the same in every run and on every host; what a "
        "wall clock says of it tells of the emulator. Neither is set in a ratio to the time of a real one",
    ),
    (
        "Better, worse",
        "of a ratio whose interval and corrected p value leave 1 out: less time or more throughput is "
        "better, more time or less throughput worse",
    ),
    (
        "ok, noisy, failed, unsupported",
        "how a cell (one case, once, on one target) ended. Noisy: measured and kept, but disturbed (CPU time "
        "taken by others, a late generator, lost events), used only where a case has no cell that is ok. "
        "Unsupported: this target or machine cannot do the case",
    ),
)

AT_MONITOR_NOTE = (
    "NAME/monitor: at the monitor of pVMs, which sees its own part of the event only, not what the pVM does "
    "before and after, nor the way between the two. The difference is that, and each source's own cost."
)

COSTS_NOTE = (
    "Times above 1× and throughput below 1× are a cost; within the noise: the interval holds 1×; of fewer "
    "than three pairs no ratio is told."
)
