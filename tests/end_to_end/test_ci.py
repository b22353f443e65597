"""The pipelines of docs/ci: their shell steps are run as the services would, and what they name exists."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from results.store import Store
from tests.end_to_end.gating import write_plan
from tests.end_to_end.suite import ROOT, Suite

CI = ROOT / "docs" / "ci"


def load(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((CI / name).read_text())
    assert isinstance(loaded, dict)
    return loaded


def shell(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """In an empty folder with the tree's command in it, as a checkout has it."""
    command = folder / "kxbench"
    if not command.exists():
        command.write_text(f'#!/bin/sh\nexec "{ROOT / "kxbench"}" "$@"\n')
        command.chmod(0o755)
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


def test_github(suite: Suite, tmp_path: Path) -> None:
    flow = load("github-actions.yml")
    steps = {step.get("name", step.get("uses")): step for step in flow["jobs"]["gate"]["steps"]}
    assert all("uses" in step or "run" in step for step in steps.values())
    out, summary = tmp_path / "out", tmp_path / "summary"
    env = {
        "KXBENCH_STORE": str(suite.store),
        "KXBENCH_PLAN": str(write_plan(tmp_path)),
        "KXBENCH_BASELINE": flow["env"]["KXBENCH_BASELINE"],
        "KXBENCH_BESIDE": "",  # processes have no build of a commit; test_gate.py has what does
        "GITHUB_OUTPUT": str(out),
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    assert shell(steps["Set up"]["run"], tmp_path, **env).returncode == 0
    done = shell(steps["Measure"]["run"], tmp_path, **env)
    assert done.returncode == 0, done.stderr
    assert "pull_request" in flow["env"]["KXBENCH_BESIDE"]
    name, _, run = out.read_text().strip().partition("=")
    assert steps["Gate"]["env"]["RUN"] == "${{ steps.measure.outputs." + name + " }}"

    # by hand: the baseline; then a second run, gated by it
    env["RUN"] = run
    made = shell(steps["Make the baseline anew"]["run"], tmp_path, **env, WHY='it is "new"')
    assert made.returncode == 0, made.stderr
    assert suite.json("baseline", "list")[0]["why"] == 'it is "new"'
    out.unlink()
    assert shell(steps["Measure"]["run"], tmp_path, **env).returncode == 0
    env["RUN"] = out.read_text().strip().partition("=")[2]
    gated = shell(steps["Gate"]["run"], tmp_path, **env)
    report = json.loads((tmp_path / "gate.json").read_text())
    assert gated.returncode == (0 if report["exit_code"] == 3 else report["exit_code"]), gated.stderr
    assert report["exit_code"] in (0, 1, 3)
    assert summary.read_text() == (tmp_path / "gate.md").read_text()
    assert (tmp_path / "gate.xml").exists()
    assert steps["Code scanning"]["with"]["sarif_file"] == "gate.sarif" and (tmp_path / "gate.sarif").exists()
    assert "--body-file gate.md" in steps["Comment"]["run"]


def test_github_fails_where_the_gate_does(suite: Suite, tmp_path: Path) -> None:
    """A baseline that is not there is exit code 2, and no report: the step must fail with it."""
    step = next(s for s in load("github-actions.yml")["jobs"]["gate"]["steps"] if s.get("name") == "Gate")
    Store.open(suite.store).close()
    env = {"KXBENCH_STORE": str(suite.store), "KXBENCH_BASELINE": "main", "RUN": "latest"}
    done = shell(step["run"], tmp_path, **env, GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    assert done.returncode == 2 and "no run" in done.stderr


def test_gitlab(suite: Suite, tmp_path: Path) -> None:
    jobs = load("gitlab-ci.yml")
    before = jobs[".kxbench"]["before_script"]
    env = {
        "KXBENCH_STORE": str(suite.store),
        "KXBENCH_PLAN": str(write_plan(tmp_path)),
        "KXBENCH_BASELINE": jobs["variables"]["KXBENCH_BASELINE"],
        "CI_COMMIT_TITLE": "Faster pipes",
    }
    assert jobs["performance-gate"]["variables"].pop("KXBENCH_BESIDE") == "yes"
    assert "variables" not in jobs["performance-baseline"]
    for name in ("performance-baseline", "performance-gate"):
        assert jobs[name]["extends"] == ".kxbench"
        done = shell("\n".join([*before, *jobs[name]["script"]]), tmp_path, **env)
        assert done.returncode in ((0,) if name == "performance-baseline" else (0, 1, 3)), done.stderr
    assert suite.json("baseline", "list")[0]["why"] == "Faster pipes"
    artefacts = jobs["performance-gate"]["artifacts"]
    for path in (*artefacts["paths"], artefacts["reports"]["junit"]):
        assert (tmp_path / path).exists(), path
    assert jobs["performance-gate"]["allow_failure"] == {"exit_codes": 3}
