"""The registry of case kinds: lazy, complete, and helpful about a wrong name."""

import subprocess
import sys
from pathlib import Path

import pytest

from vocabulary import UsageError
from workloads import CASES, build_all, case_kind, programs
from workloads.micro import MICRO_CASES

ROOT = Path(__file__).parents[3]


def test_all_micro_programs_are_registered() -> None:
    assert {kind.name for kind in MICRO_CASES} == {name for name, where in CASES.items() if "micro" in where}


def test_wrong_name_is_answered_with_near_ones() -> None:
    with pytest.raises(UsageError, match="unknown case 'redis_bgsav'") as seen:
        case_kind("redis_bgsav")
    assert "did you mean redis_bgsave" in seen.value.remedy
    assert all(name in seen.value.remedy for name in CASES)
    assert seen.value.exit_code == 2


def test_heavy_modules_are_not_imported_before_they_are_used() -> None:
    code = (
        "import sys\nfrom workloads import CASES, case_kind\n"
        "[case_kind(name).missing() for name in CASES]\n"
        "heavy = {'locust', 'gevent', 'redis', 'httpx', 'dns', 'scipy'} & set(sys.modules)\n"
        "sys.exit(' '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_build_is_told_and_done() -> None:
    said: list[str] = []
    build_all(said.append)
    assert len(said) == 2
    assert all(path.exists() for path in programs().values())
