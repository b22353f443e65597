"""The table of pVMs beside processes in docs/evidence.md, with what was wanted, from a run of plan `kylinx`:

./kxbench run kylinx && .venv/bin/python -m tests.evidence.kylinx [RUN]
"""

import json
import subprocess
import sys
from pathlib import Path

from results.units import quantity

ROOT = Path(__file__).parents[2]
FORK = "fork[dirty_mib={}]"
WRITING = "fork[dirty_mib=1,touch_pages=4]"
HUGE = "fork[pages=huge,dirty_mib={}]"
COW = "cow[dirty_mib=16,batch_pages=4096,stride_pages=16]"
ASLEEP = "pipe[mode=blocked,gap_us=400,budget_ms=600]"
IPC = {
    "pipe": "pipe",
    "sysv_mq": "SysV queue",
    "posix_mq": "POSIX queue",
    "kill": "signal",
    "exitwait": "exit to wait",
}
IPC |= {"sysv_shm": "SysV shared memory", "posix_shm": "POSIX shared memory"}

# what, case, metric (with labels), the ratio wanted at most (None: shown)
Row = tuple[str, str, str, float | None]
ROWS: list[Row] = [
    ("null system call", "null", "system_call", 0.5),
    ("clock_gettime", "null", "clock_gettime", 0.5),
    ("futex, uncontended", "null", "futex_wake", 0.5),
    ("switch between threads", "ctxsw[between=threads]", "switch", 0.5),
    ("switch between processes on one CPU", "ctxsw[between=processes]", "switch", None),
]
ROWS += [
    (f"fork, child's first statement, {mib} MiB", FORK.format(mib), "child", wanted)
    for mib, wanted in ((0, 0.7), (1, 0.7), (16, 0.25), (256, 0.03), (1024, 0.01))
]
ROWS += [
    (f"fork, return in the parent, {mib} MiB", FORK.format(mib), "parent", 0.7)
    for mib in (0, 1, 16, 256, 1024)
]
ROWS += [
    ("fork + exit + wait, bare", FORK.format(0), "total", 0.6),
    ("the same, both sides writing", WRITING, "total", 0.9),
]
ROWS += [
    (f"child's first statement, {mib} MiB, the process on huge pages", HUGE.format(mib), "child", None)
    for mib in (16, 256, 1024)
]
ROWS += [
    (f"fork's return, {mib} MiB, the process on huge pages", HUGE.format(mib), "parent", None)
    for mib in (16, 256, 1024)
]
ROWS += [
    (
        f"copy-on-write, a page, {pattern}, {side}",
        COW,
        f"write{{pattern={pattern},side={side}}}",
        1.5 if pattern == "dense" else None,
    )
    for pattern in ("dense", "sparse")
    for side in ("parent", "child")
]
ROWS += [(f"{name}, one way, awake", f"{kind}[mode=awake]", "one_way", 1.0) for kind, name in IPC.items()]
ROWS += [(f"{name}, one way, waiting", f"{kind}[mode=blocked]", "one_way", 2.5) for kind, name in IPC.items()]
ROWS += [("pipe, one way, the receiver asleep", ASLEEP, "one_way", 2.5)]
ROWS += [
    (f"exec to main, {image}, by {method}", f"exec[method={method},image={image}]", "to_main", None)
    for image in ("static", "dynamic")
    for method in ("fork", "spawn")
]
# the wish is a time, not a ratio: 5 and 10 ms
ROWS += [
    (f"create to main, {image}", f"create[image={image}]", "to_main", None) for image in ("static", "dynamic")
]
ROWS += [
    (f"herd of 100, fork to running, {part} tenth", "herd", f"running{{part={part}}}", None)
    for part in ("first", "last")
]
ROWS += [("memory a pVM adds", "herd", "memory_added", None)]


def main() -> None:
    run = sys.argv[1] if len(sys.argv) > 1 else "latest"
    command = [str(ROOT / "kxbench"), "compare", run, "--all", "--json"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    found = {(row["case"], row["series"].rpartition("@")[0]): row for row in told}
    print("| what | process | pVM | ratio, 95 % interval | wanted at most |\n|---|---|---|---|---|")
    for what, case, metric, wanted in ROWS:
        row = found.get((case, metric))
        if not row:
            print(f"| {what} | - | - | not in this run | {wanted or 'shown'} |")
            continue
        a, b = (quantity(row[f"estimate_{side}"], row["unit"]) for side in "ab")
        ratio = f"{row['ratio']:.3g}, {row['low']:.2g} .. {row['high']:.2g}"
        verdict = (
            "shown" if wanted is None else f"{wanted:g}" if row["ratio"] <= wanted else f"**{wanted:g}**"
        )
        print(f"| {what} | {a} | {b} | {ratio} | {verdict} |")


if __name__ == "__main__":
    main()
