"""Warnings: each is raised by what it is about, says so with advice, and stays silent elsewhere."""

from typing import Any

import numpy as np
import pytest

from bench import environment
from bench.warnings import (
    Caution,
    Finding,
    brief,
    for_cell,
    for_environment,
    for_series,
    modified_z,
    noisy_reason,
)

GOOD: dict[str, Any] = {
    "architecture": "x86_64",
    "cpus": 8,
    "load_1min": 0.2,
    "governor": "performance",
    "turbo": False,
    "smt": False,
    "virtualisation": "none",
    "kvm": "vt-x",
    "aslr": 2,
    "transparent_hugepages": "madvise",
    "swap_used_bytes": 0,
    "clocksource": "tsc",
    "memory_bytes": 16 * 2**30,
    "memory_available_bytes": 12 * 2**30,
}


def cautions(findings: list[Finding]) -> list[Caution]:
    return [finding.caution for finding in findings]


def test_a_good_machine_raises_nothing_and_nor_does_an_unknown_one() -> None:
    assert for_environment(GOOD) == []
    assert for_environment({}) == []
    assert for_environment(dict.fromkeys(GOOD)) == []


@pytest.mark.parametrize(
    ("key", "value", "caution"),
    [
        ("cpus", 1, Caution.ONE_CPU),
        ("load_1min", 4.1, Caution.LOADED),
        ("governor", "powersave", Caution.GOVERNOR),
        ("turbo", True, Caution.TURBO),
        ("smt", True, Caution.SMT),
        ("virtualisation", "kvm", Caution.VIRTUALISED),
        ("kvm", "pvm, nested", Caution.NESTED),
        ("aslr", 0, Caution.ASLR_OFF),
        ("transparent_hugepages", "always", Caution.THP_ALWAYS),
        ("transparent_hugepages", "never", Caution.THP_NEVER),
        ("swap_used_bytes", 2**20, Caution.SWAP),
        ("clocksource", "kvm-clock", Caution.CLOCKSOURCE),
        ("memory_available_bytes", 2**30, Caution.LOW_MEMORY),
    ],
)
def test_each_fact_raises_its_own(key: str, value: object, caution: Caution) -> None:
    assert cautions(for_environment(GOOD | {key: value})) == [caution]


def test_this_machine_is_described_without_error() -> None:
    described = environment.describe()
    found = for_environment(described)
    assert (Caution.VIRTUALISED in cautions(found)) == (described["virtualisation"] not in (None, "none"))


def test_every_caution_has_a_message_and_advice_of_its_own() -> None:
    assert len({caution.message for caution in Caution}) == len(Caution)
    assert all(caution.message and caution.advice for caution in Caution)
    text = str(Finding(Caution.STEAL, "3.0 % of the cell's"))
    assert Caution.STEAL.message in text and Caution.STEAL.advice in text and "3.0 %" in text


def test_a_cell_is_warned_of_before_it_is_noisy() -> None:
    reading = {"wall_s": 2.0, "steal_share": 0.03, "interference_share": 0.2, "swap_in_pages": 0.0}
    assert cautions(for_cell(reading)) == [Caution.STEAL, Caution.INTERFERENCE]
    assert noisy_reason(reading) == ""
    assert for_cell({"steal_share": 0.01, "interference_share": 0.05}) == []


def test_losses_swap_and_lateness_are_told() -> None:
    found = for_cell({"swap_in_pages": 3.0}, lost_events=5, late_rates=[20_000])
    assert cautions(found) == [Caution.SWAP, Caution.LOST_EVENTS, Caution.GENERATOR_LATE]
    assert "20000" in str(found[-1])


@pytest.mark.parametrize(
    ("reading", "word"),
    [
        ({"wall_s": 1.0, "steal_share": 0.11}, "guests"),
        ({"wall_s": 1.0, "interference_share": 0.51}, "not ours"),
        ({"wall_s": 1.0, "steal_share": 0.10, "interference_share": 0.50}, ""),
        ({"wall_s": 0.1, "steal_share": 0.9, "interference_share": 0.9}, ""),
        ({}, ""),
    ],
)
def test_when_a_cell_is_noisy(reading: dict[str, float], word: str) -> None:
    reason = noisy_reason(reading)
    assert (word in reason) if word else reason == ""


def test_a_steady_series_raises_nothing() -> None:
    assert for_series("s", [100, 101, 99, 100, 102, 98]) == []
    assert for_series("s", [100.0] * 6) == []
    assert for_series("s", []) == []


def test_few_deployments_slow_first_and_outliers() -> None:
    assert cautions(for_series("s", [100, 101])) == [Caution.FEW_BLOCKS]
    assert cautions(for_series("s", [140, 100, 99, 101, 101])) == [Caution.SLOW_FIRST, Caution.OUTLIERS]
    assert cautions(for_series("s", [100, 99, 140, 101, 101])) == [Caution.OUTLIERS]
    assert cautions(for_series("s", [60, 100, 99, 101, 100], better="higher"))[0] is Caution.SLOW_FIRST
    assert Caution.SLOW_FIRST not in cautions(for_series("s", [60, 100, 99, 101, 100]))
    assert Caution.SLOW_FIRST not in cautions(for_series("s", [140, 100, 150, 101, 160]))


def test_one_nanosecond_is_not_an_outlier() -> None:
    assert for_series("s", [41, 41, 41, 41, 42]) == []


def test_modified_z_is_that_of_the_book() -> None:
    """Iglewicz and Hoaglin's example data: only the last two are outliers."""
    values = np.array([3.2, 3.4, 3.7, 3.7, 3.8, 3.9, 4.0, 4.0, 4.1, 4.2, 4.7, 4.8, 14.0, 15.0])
    scores = modified_z(values)
    assert (np.flatnonzero(np.abs(scores) > 3.5) == [12, 13]).all()
    assert scores[-1] == pytest.approx(0.6745 * (15 - 4) / 0.3, rel=1e-9)
    assert (modified_z(np.full(5, 2.0)) == 0).all()
    assert modified_z(np.array([1.0, 1.0, 1.0, 1.0, 9.0]))[-1] == pytest.approx(0.7979 * 5)


def test_many_findings_are_told_briefly() -> None:
    many = [Finding(Caution.FEW_BLOCKS, f"s{i}") for i in range(5)] + [Finding(Caution.SMT)]
    short = brief(many)
    assert cautions(short) == [Caution.FEW_BLOCKS, Caution.SMT]
    assert short[0].detail == "s0; s1; s2; and 2 more"
    assert short[1].detail == ""
