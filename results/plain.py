"""Values for JSON, which has no infinity or NaN."""

import math
from collections.abc import Mapping
from typing import Any


def finite(value: Any) -> Any:
    """None in place of what is not a finite number; tuples become lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
