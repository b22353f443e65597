"""The A/A evidence: the smoke plan with the process target against itself, once a seed.

    .venv/bin/python -m tests.evidence.aa 20 >> docs/evidence-aa.md      (as root, from the repository's root)

Each run measures `process` and `process@again` interleaved; a run is an alarm when any series of it is called
significantly different (Holm over all its series, 5 %). Prints a markdown table and the count."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def kxbench(store: str, *arguments: str) -> str:
    done = subprocess.run(
        [ROOT / "kxbench", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "KXBENCH_STORE": store},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"kxbench {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def once(seed: int, store: str) -> tuple[int, list[str], dict[str, int]]:
    """(series judged, those called different, outcomes) of one run."""
    plan = ("run", "smoke", "--no-probes", "--json", "--blocks", "3", "--seed", str(seed))
    ran = json.loads(kxbench(store, *plan, "--target", "process", "--target", "process@again"))
    rows = json.loads(kxbench(store, "compare", ran["run"], "--all", "--json"))
    judged = [row for row in rows if row["p_adjusted"] is not None]
    found = [f"{row['case']} {row['series']} {row['ratio']:.3f}" for row in judged if row["significant"]]
    return len(judged), found, ran["outcomes"]


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    alarms = 0
    out = sys.stdout
    out.write("| seed | series judged | called different | cells |\n|---|---|---|---|\n")
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, runs + 1):
            judged, found, outcomes = once(seed, f"{folder}/aa.sqlite")
            alarms += bool(found)
            told = ", ".join(f"{count} {name}" for name, count in outcomes.items())
            out.write(f"| {seed} | {judged} | {'; '.join(found) or 'none'} | {told} |\n")
            out.flush()
    out.write(f"\n{runs - alarms} of {runs} runs call nothing different.\n")


if __name__ == "__main__":
    main()
