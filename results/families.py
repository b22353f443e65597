"""What the report groups by: kinds of case that answer one question, and the figures that stand for them."""

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
        ("fork", "cow", "exec"),
        (
            ("fork", "parent"),
            ("fork", "child"),
            ("exec", "to_main"),
            ("cow", "write"),
            ("fork", "total"),
            ("exec", "total"),
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
        (("redis", "latency"), ("redis", "knee_rate"), ("redis", "throughput"), ("redis_bgsave", "fork")),
    ),
    Family(
        "http",
        "HTTP",
        "HTTP",
        "How soon are pages served at a given rate, and where is the knee?",
        ("http",),
        (("http", "latency"), ("http", "knee_rate"), ("http", "throughput")),
    ),
    Family(
        "dns",
        "DNS",
        "DNS",
        "How soon are queries answered at a given rate, and where is the knee?",
        ("dns",),
        (("dns", "latency"), ("dns", "knee_rate"), ("dns", "throughput")),
    ),
    Family(
        "kernel",
        "System calls",
        "System calls and switches",
        "What does it cost to enter the system, and to switch from one thread to another?",
        ("null", "ctxsw"),
        (("null", "system_call"), ("null", "yield"), ("null", "futex_wake"), ("ctxsw", "switch")),
    ),
)
OTHER = Family("other", "Other", "Other", "Cases that no family of this report takes.", (), ())


def family_of(kind: str) -> Family:
    for family in FAMILIES:
        if any(kind == known or kind.startswith(known + "_") for known in family.kinds):
            return family
    return OTHER


def rank(kind: str, metric: str) -> int:
    """Place among the family's headlines; those that are none come after all."""
    headlines = family_of(kind).headlines
    return headlines.index((kind, metric)) if (kind, metric) in headlines else len(headlines)
