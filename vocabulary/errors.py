"""Errors a person can meet, and the exit code of each.

KxbenchError
 ├── UsageError        2  a wrong argument, plan, case, target or run name
 ├── HostError         4  this machine lacks something (root, bcc, a server, a namespace)
 ├── TargetError       5  a target did not build, start, answer or stay alive
 ├── StoreError        6  results could not be written or read
 └── UnsupportedError  -  a target or host cannot do this case: a cell's outcome, never an exit
"""

EXIT_OK = 0
EXIT_NEGATIVE = 1  # the command worked and its verdict is no: tests fail, a comparison is significant
EXIT_USAGE = 2
EXIT_INCONCLUSIVE = 3
EXIT_HOST = 4
EXIT_CELL_FAILED = 5
EXIT_STORE = 6
EXIT_INTERNAL = 70  # EX_SOFTWARE of sysexits.h: a bug of ours
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class KxbenchError(Exception):
    """What happened, where, and what to do next.

    ``str()`` is the first two; ``remedy`` is shown on a line of its own.
    """

    exit_code = EXIT_INTERNAL

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(f"{where}: {what}" if where else what)
        self.what, self.where, self.remedy = what, where, remedy


class UsageError(KxbenchError):
    exit_code = EXIT_USAGE


class HostError(KxbenchError):
    exit_code = EXIT_HOST


class TargetError(KxbenchError):
    """``console`` is the tail of what the target printed, kept with the failed cell."""

    exit_code = EXIT_CELL_FAILED

    def __init__(self, what: str, *, where: str = "", remedy: str = "", console: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.console = console


class StoreError(KxbenchError):
    exit_code = EXIT_STORE


class UnsupportedError(KxbenchError):
    """Raised by a target, case or probe for what cannot be done here; the cell ends ``unsupported``."""
