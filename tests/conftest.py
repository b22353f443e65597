"""How hypothesis looks for examples in all tests.

The same examples each time, so that a change is judged by what its author ran; KXBENCH_LONG=1 looks for new
ones. No example is judged by the time it takes: the machine is shared.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "suite",
    derandomize=not os.environ.get("KXBENCH_LONG"),
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")
