"""What the report groups by: kinds of case that answer one question, and the figures that stand for them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """``kinds`` are matched whole or up to an underscore (``redis`` takes ``redis_bgsave``). ``headlines``
    are the (kind, metric) pairs for its card and its open charts, the most telling first."""

    key: str
    short: str
    title: str
    question: str
    kinds: tuple[str, ...]
    headlines: tuple[tuple[str, str], ...]


FAMILIES = (
    Family(
        "fork",
        "Fork",
        "Fork and exec",
        "How soon does fork return, the child run and a new image reach main? What do copies cost later?",
        ("fork", "cow", "exec", "herd", "create"),
        (
            ("fork", "parent"),
            ("fork", "child"),
            ("exec", "to_main"),
            ("cow", "write"),
            ("fork", "total"),
            ("exec", "total"),
            ("create", "to_main"),
            ("herd", "memory_added"),
        ),
    ),
    Family(
        "ipc",
        "IPC",
        "Inter-process communication",
        "How long does a message take one way, and how many bytes a second fit through?",
        ("pipe", "sysv_mq", "posix_mq", "kill", "exitwait", "sysv_shm", "posix_shm"),
        (
            ("pipe", "one_way"),
            ("sysv_mq", "one_way"),
            ("posix_mq", "one_way"),
            ("kill", "one_way"),
            ("exitwait", "one_way"),
            ("sysv_shm", "one_way"),
            ("posix_shm", "one_way"),
        ),
    ),
    Family(
        "library",
        "Libraries",
        "Libraries",
        "How long until a library is loaded and has answered once, and do callers notice an update?",
        ("dlopen", "update"),
        (("dlopen", "total"), ("update", "total"), ("update", "stall")),
    ),
    Family(
        "redis",
        "Redis",
        "Redis",
        "How soon are requests answered at a given rate, where is the knee, and what does BGSAVE do?",
        ("redis",),
        (
            ("redis", "latency"),
            ("redis", "knee_rate"),
            ("redis_sweep", "knee_rate"),
            ("redis", "throughput"),
            ("redis_bgsave", "fork"),
        ),
    ),
    Family(
        "http",
        "HTTP",
        "HTTP",
        "How soon are pages served at a given rate, and where is the knee?",
        ("http",),
        (("http", "latency"), ("http", "knee_rate"), ("http_sweep", "knee_rate"), ("http", "throughput")),
    ),
    Family(
        "dns",
        "DNS",
        "DNS",
        "How soon are queries answered at a given rate, and where is the knee?",
        ("dns",),
        (("dns", "latency"), ("dns", "knee_rate"), ("dns_sweep", "knee_rate"), ("dns", "throughput")),
    ),
    Family(
        "kernel",
        "System calls",
        "System calls and switches",
        "What does it cost to enter the system, and to switch from one thread to another?",
        ("null", "ctxsw", "kernel"),
        (
            ("null", "system_call"),
            ("null", "yield"),
            ("null", "futex_wake"),
            ("ctxsw", "switch"),
            ("kernel", "null_call"),
            ("kernel", "yield"),
            ("kernel", "space_switch"),
            ("kernel", "round_trip"),
        ),
    ),
)
_SERVICES = {"redis": "Redis", "http": "HTTP", "dns": "DNS"}
CALLED: Mapping[tuple[str, str], str] = {
    ("null", "system_call"): "null system call",
    ("null", "yield"): "yield",
    ("null", "futex_wake"): "futex wake",
    ("ctxsw", "switch"): "context switch",
    ("kernel", "null_call"): "null system call",
    ("kernel", "yield"): "yield to another thread",
    ("kernel", "space_switch"): "switch to another address space",
    ("kernel", "round_trip"): "message and answer",
    ("fork", "parent"): "fork, return in the parent",
    ("fork", "child"): "fork, first instruction in the child",
    ("fork", "total"): "fork to wait's return",
    ("cow", "write"): "copy-on-write, a page",
    ("exec", "to_main"): "exec to main",
    ("exec", "total"): "exec to wait's return",
    ("create", "to_main"): "new target to main",
    ("herd", "memory_added"): "memory one more process adds",
    ("herd", "parent"): "fork among many, return in the parent",
    ("pipe", "one_way"): "pipe, one way",
    ("sysv_mq", "one_way"): "SysV message queue, one way",
    ("posix_mq", "one_way"): "POSIX message queue, one way",
    ("kill", "one_way"): "signal, one way",
    ("exitwait", "one_way"): "exit to wait's return",
    ("sysv_shm", "one_way"): "SysV shared memory, one way",
    ("posix_shm", "one_way"): "POSIX shared memory, one way",
    ("dlopen", "open"): "dlopen",
    ("dlopen", "total"): "dlopen and first call",
    ("update", "total"): "online library update",
    ("update", "stall"): "longest stall of a caller in an update",
    ("redis_bgsave", "fork"): "Redis BGSAVE, fork",
    **{(kind, "latency"): f"{name}, latency at a fixed rate" for kind, name in _SERVICES.items()},
    **{(kind, "throughput"): f"{name}, saturated" for kind, name in _SERVICES.items()},
    **{(kind, "knee_rate"): f"{name}, highest rate before the knee" for kind, name in _SERVICES.items()},
    **{
        (f"{kind}_sweep", "knee_rate"): f"{name}, highest rate before the knee"
        for kind, name in _SERVICES.items()
    },
}
"""What a person calls a (kind, metric): as the command line does."""
OTHER = Family("other", "Other", "Other", "Cases that no family of this report takes.", (), ())


def family_of(kind: str) -> Family:
    for family in FAMILIES:
        if any(kind == known or kind.startswith(known + "_") for known in family.kinds):
            return family
    return OTHER


def called(kind: str, metric: str) -> str:
    """In plain words; of what has none, its own names."""
    return CALLED.get((kind, metric)) or f"{kind}, {metric}".replace("_", " ")


def rank(kind: str, metric: str) -> int:
    """Place among the family's headlines; those that are none come after all."""
    headlines = family_of(kind).headlines
    return headlines.index((kind, metric)) if (kind, metric) in headlines else len(headlines)
