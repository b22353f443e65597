"""The suite's own generator against one of the applications."""

from pathlib import Path

from tests.local import LocalPlace
from vocabulary import Endpoint
from workloads import openloop

LATEST_MS = 30_000  # of an answer on a machine that stands still for seconds


def all_received(
    place: LocalPlace, endpoint: Endpoint, requests: Path, *, rate_per_s: float, pipeline: int = 1
) -> int:
    """How many requests there were in a second at this rate, all of which were answered."""
    samples = openloop.run(
        place,
        endpoint,
        requests,
        rate_per_s=rate_per_s,
        duration_s=1.0,
        connections=20,
        pipeline=pipeline,
        timeout_ms=LATEST_MS,
    )
    counts = {s.metric.name: float(s.values[0]) for s in samples if s.values.size == 1}
    assert counts["received"] == counts["sent"]
    return int(counts["sent"])
