"""How much worse is too much: by metric, from the plan, else from calibration, else a default."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.gate.calibration import beside_name, threshold
from bench.gate.settings import GateSettings, fits
from results.baselines import Calibration

PAIRED = 0.05
"""Of ratios to a control, by default: three to five per cent is what they differ by between runs of the same
on small shared machines (docs/evidence.md)."""

BESIDE = 0.03
"""Of ratios to the baseline's code in the same blocks: what two copies of the same differ by from run to run,
beyond chance, is 1 % and less (docs/gate-evidence.md)."""

ABSOLUTE = 0.30
"""Of times themselves: two runs at different hours on a shared machine differ by 10 % and more of nothing."""

SPEEDLESS = 0.02
"""Of bytes and counts."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """``noise`` is by ``TARGET CASE SERIES``, as calibration found it on this machine. A baseline of several
    runs is known better than one of one; of many ``metrics`` judged, one or another is off by chance."""

    settings: GateSettings
    noise: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    baseline_runs: int = 1
    metrics: int = 1

    @classmethod
    def of(
        cls, settings: GateSettings, calibrations: Sequence[Calibration], baseline_runs: int
    ) -> "Thresholds":
        """``calibrations`` of the machine, the newest first: of each series the newest that has it counts."""
        noise: dict[str, Mapping[str, Any]] = {}
        for calibration in calibrations:
            for name, found in calibration.noise.items():
                noise.setdefault(name, found)
        return cls(settings, noise, baseline_runs)

    def find(
        self, names: Sequence[str], paired: bool, speedless: bool, beside: bool = False
    ) -> tuple[float, str]:
        """The threshold as a share, and where it is from. ``names`` as ``names_of`` gives them. ``beside``:
        of the ratio to the baseline's code in the same blocks."""
        for pattern, share in self.settings.thresholds.items():
            if fits(pattern, names):
                return share, "plan"
        calibrated = self.noise.get(beside_name(names[-1]) if beside else names[-1])
        if calibrated is not None and bool(calibrated["paired"]) is paired:
            between, runs = float(calibrated["between"]), int(calibrated["runs"])
            others = math.inf if beside else self.baseline_runs  # beside: no other run has a part in it
            return threshold(between, runs, others, self.metrics), "calibration"
        if self.settings.threshold is not None:
            return self.settings.threshold, "plan"
        return (SPEEDLESS if speedless else BESIDE if beside else PAIRED if paired else ABSOLUTE), "default"
