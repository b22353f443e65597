"""What all tests have in common.

Hypothesis tries the same examples each time, so that a change is judged by what its author ran;
KXBENCH_LONG=1 looks for new ones. No example is judged by the time it takes: the machine is shared.

Programs that tests start have signals as from a terminal: what a shell starts in its background has SIGINT
and SIGQUIT ignored, and what nohup starts SIGHUP, and so would they.
"""

import os
import signal
from types import FrameType

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


def _go_on(_number: int, _frame: FrameType | None) -> None:
    """For us as ignored, for the programs the default."""


for number, handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, _go_on),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)
