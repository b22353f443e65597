"""The evidence for the regression gate: what is a tenth slower is caught, and what is the same passes.

    .venv/bin/python -m tests.evidence.gate          (as root, from the repository's root; some 50 minutes)

Builds KylinX's LibOS a second time with a busy loop that makes every fork a tenth longer
(SLOWDOWN_PERCENT=10, targets/kylinx/libos/mm/fork.c), calibrates the gate and sets a baseline with the code
as it is, then runs and gates 20 times the code as it is and 20 times the slow one, in turn, each by the
command line as a CI job does: `kxbench run PLAN --beside before`, then `kxbench gate RUN --baseline before`.
Writes docs/gate-evidence.md.

Commit nothing meanwhile, and have no uncommitted changes: runs of several commits are no calibration, and
nothing is measured again at another commit than the run's."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KYLINX = ROOT / "targets" / "kylinx"
BASELINE = "before"
PLAN = """
name = "gate-evidence"
targets = ["process", "kylinx"]
blocks = {blocks}
retries = 2
budget_s = 600
cell_limit_s = 60
[gate]
ignore = ["first_*", "total"]
noisy = true
[[cases]]
kind = "fork"
params = {{ dirty_mib = 16, redirty = "none", budget_ms = 100 }}
"""


@dataclass(frozen=True)
class Suite:
    """The command line on a store of its own, with the KylinX build ``slow`` where a run is to be slow."""

    store: Path
    slow: Path
    plan: Path

    def __call__(self, *arguments: str, slow: bool = False, codes: Sequence[int] = (0,)) -> Any:
        """What it prints as JSON."""
        environment = {**os.environ, "KXBENCH_STORE": str(self.store)}
        environment.pop("KXBENCH_KYLINX_BUILD", None)
        if slow:
            environment["KXBENCH_KYLINX_BUILD"] = str(self.slow)
        done = subprocess.run(
            [ROOT / "kxbench", *arguments, "--json"],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        if done.returncode not in codes:
            raise SystemExit(f"kxbench {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
        return json.loads(done.stdout)

    def run(self, seed: int, beside: str, slow: bool = False) -> str:
        words = ("run", str(self.plan), "--seed", str(seed), "--beside", beside)
        return str(self(*words, slow=slow, codes=(0, 5))["run"])


@dataclass(frozen=True)
class Gated:
    """One gate: ``parent`` is the gate's word on fork's return in the parent, which is what was slowed."""

    seed: int
    slow: bool
    exit_code: int
    decision: str
    parent: dict[str, Any]
    drift: float
    confirmed: bool
    found: tuple[str, ...]

    @property
    def right(self) -> bool:
        return self.exit_code == int(self.slow)


def gated(suite: Suite, seed: int, slow: bool) -> Gated:
    run = suite.run(seed, BASELINE, slow)
    told = suite("gate", run, "--baseline", BASELINE, slow=slow, codes=(0, 1, 3, 5))
    parent: dict[str, Any] = next((m for m in told["metrics"] if m["metric"] == "parent"), {})
    found = [f"{m['kind']}.{m['metric']}" for m in told["metrics"] if m["finding"] == "regression"]
    drift, confirmed = told["drift"] or 1.0, bool(told["confirmed_by"])
    return Gated(seed, slow, told["exit_code"], told["decision"], parent, drift, confirmed, tuple(found))


def build_slow(percent: int, folder: Path) -> None:
    command = ["make", "-s", "-j2", "-C", str(KYLINX), f"B={folder}", f"SLOWDOWN_PERCENT={percent}"]
    subprocess.run(command, check=True)


def page(found: Sequence[Gated], options: argparse.Namespace, noise: dict[str, Any], took_s: float) -> str:
    """docs/gate-evidence.md."""
    slow, same = ([one for one in found if one.slow is wanted] for wanted in (True, False))
    caught, passed = sum(one.right for one in slow), sum(one.right for one in same)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = [
        "# The gate, shown to work",
        "",
        f"Made by `python -m tests.evidence.gate --gates {options.gates} --blocks {options.blocks}` in"
        f" {took_s / 60:.0f} minutes at commit {commit.stdout.strip()[:12]} on {os.cpu_count()} CPUs"
        f" ({platform.release()}). How the gate decides: [gate.md](gate.md).",
        "",
        f"- **{caught} of {len(slow)}** gates of a LibOS whose forks take {options.percent} % longer say"
        " regression.",
        f"- **{passed} of {len(same)}** gates of the code as it is pass.",
        "",
        f"Each gate is `kxbench run PLAN --beside {BASELINE}` and `kxbench gate RUN --baseline {BASELINE}`:"
        f" {options.blocks} blocks, in each the process, the pVM, and the pVM with the baseline's code."
        " Ratios are of fork's return in the parent, pVM over pVM of the baseline. The machine's own speed"
        " (ordinary processes) is the column *machine*: by what factor it was slower than at the baseline."
        " Deployments that ended noisy are used (`noisy = true`): neighbours of this machine take a tenth of"
        " its time and more in some minutes, and then few others are left.",
        "",
        "| seed | code | decision | ratio | 95 % interval | p | threshold | machine | re-run | worse |",
        "|---|---|---|--:|---|--:|--:|--:|---|---|",
    ]
    for one in found:
        m = one.parent
        cells = ["–", "–", "–", "–"]
        if m.get("ratio") is not None and m.get("p_adjusted") is not None:
            span = f"{m['low']:.3f} to {m['high']:.3f}"
            cells = [f"{m['ratio']:.3f}", span, f"{m['p_adjusted']:.2g}", f"{m['threshold']:.1%}"]
        again = m.get("again") or {}
        ratio = again.get("ratio")
        re_run = f"{ratio:.3f}" if ratio else ("yes" if one.confirmed else "none")
        code = f"{options.percent} % slower" if one.slow else "the same"
        decision = one.decision if one.right else f"**{one.decision}**"
        row = (
            str(one.seed),
            code,
            decision,
            *cells,
            f"{one.drift:.2f}",
            re_run,
            ", ".join(one.found) or "none",
        )
        lines.append(f"| {' | '.join(row)} |")
    lines += ["", f"Thresholds, by `kxbench calibrate` of {options.calibration} runs before it all:", ""]
    lines += ["| series | threshold | from run to run | from deployment to deployment |", "|---|--:|--:|--:|"]
    lines += [
        f"| {name} | {one['threshold']:.1%} | {one['between']:.1%} | {one['within']:.1%} |"
        for name, one in noise.items()
        if one["paired"]
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.evidence.gate", description=__doc__)
    parser.add_argument("--gates", type=int, default=20, help="of each kind")
    parser.add_argument("--blocks", type=int, default=60, help="deployments a run")
    parser.add_argument("--calibration", type=int, default=5, help="runs, which are the baseline as well")
    parser.add_argument("--percent", type=int, default=10)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "gate-evidence.md")
    options = parser.parse_args()
    began = time.monotonic()
    found: list[Gated] = []
    with tempfile.TemporaryDirectory() as folder:
        suite = Suite(Path(folder) / "store.sqlite", Path(folder) / "slow", Path(folder) / "plan.toml")
        suite.plan.write_text(PLAN.format(blocks=options.blocks))
        build_slow(options.percent, suite.slow)
        runs = [suite.run(seed, "HEAD") for seed in range(1, options.calibration + 1)]
        noise = suite("calibrate", *(word for run in runs for word in ("--of", run)))["noise"]
        suite("baseline", "set", BASELINE, *runs, "--why", "before the slowdown")
        for number in range(options.gates):
            for slow in (False, True) if number % 2 else (True, False):
                found.append(gated(suite, 1000 + len(found), slow))
                took = time.monotonic() - began
                sys.stderr.write(f"{len(found)} of {2 * options.gates}, {took:.0f} s: {found[-1]}\n")
                options.out.write_text(page(found, options, noise, took))
    caught, passed = (sum(one.right for one in found if one.slow is wanted) for wanted in (True, False))
    sys.stdout.write(
        f"{caught} of {options.gates} slow ones caught, {passed} of {options.gates} others pass\n"
    )


if __name__ == "__main__":
    main()
