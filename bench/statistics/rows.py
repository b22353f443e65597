"""Rows as JSON."""

import math
from dataclasses import asdict
from typing import Any

from vocabulary import ComparisonRow, OverheadRow, SourceRow, SummaryRow


def as_json(row: SummaryRow | ComparisonRow | OverheadRow | SourceRow) -> dict[str, Any]:
    """The row as a mapping that strict JSON takes: a bound that is not a finite number becomes None."""
    return {key: _plain(value) for key, value in asdict(row).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return list(value) if isinstance(value, tuple) else value
