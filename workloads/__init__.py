"""What loads a target: micro programs, Redis, HTTP, DNS. A new case kind is a line in ``CASES``.

Nothing of it is imported before it is asked for: locust alone costs half a second."""

from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import cast

from vocabulary.errors import UsageError
from vocabulary.protocols import CaseKind

_MICRO = "workloads.micro:MICRO_CASES"

CASES: dict[str, str] = {
    "null": _MICRO,
    "ctxsw": _MICRO,
    "fork": _MICRO,
    "cow": _MICRO,
    "exec": _MICRO,
    "pipe": _MICRO,
    "sysv_mq": _MICRO,
    "posix_mq": _MICRO,
    "kill": _MICRO,
    "exitwait": _MICRO,
    "sysv_shm": _MICRO,
    "posix_shm": _MICRO,
    "dlopen": _MICRO,
    "update": _MICRO,
    "herd": _MICRO,
    "create": _MICRO,
    "kernel": _MICRO,
    "redis": "workloads.redis_load.cases:REDIS",
    "redis_sweep": "workloads.redis_load.cases:REDIS_SWEEP",
    "redis_bgsave": "workloads.redis_load.bgsave:REDIS_BGSAVE",
    "http": "workloads.http_load.cases:HTTP",
    "http_sweep": "workloads.http_load.cases:HTTP_SWEEP",
    "dns": "workloads.dns_load.cases:DNS",
    "dns_sweep": "workloads.dns_load.cases:DNS_SWEEP",
    "locust": "workloads.users.cases:LOCUST",
    "locust_redis": "workloads.users.cases:LOCUST_REDIS",
    "locust_http": "workloads.users.cases:LOCUST_HTTP",
    "locust_dns": "workloads.users.cases:LOCUST_DNS",
    "agreement_redis": "workloads.agreement.redis:AGREEMENT_REDIS",
    "agreement_fork": "workloads.agreement.fork:AGREEMENT_FORK",
}
"""Where each kind of case is: a CaseKind, or a sequence of them."""


def case_kind(name: str) -> CaseKind:
    """The kind called ``name``, imported only now. Raises UsageError."""
    if name not in CASES:
        near = get_close_matches(name, CASES, n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UsageError(f"unknown case {name!r}", remedy=f"{hint}known cases: {', '.join(CASES)}")
    module, _, attribute = CASES[name].partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, (list, tuple)):
        found = next(kind for kind in found if kind.name == name)
    return cast(CaseKind, found)


def build_all(progress: Callable[[str], None]) -> None:
    """Build the C programs; make leaves what is up to date. Raises TargetError, HostError."""
    from workloads import micro, openloop

    progress("building the micro programs")
    micro.build()
    progress("building the load generator")
    openloop.build()


def programs() -> dict[str, Path]:
    """The micro programs by name: those with USDT probes are among them."""
    from workloads import micro

    return micro.programs()
