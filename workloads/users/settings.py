"""What a locust process is told, in one environment variable: its workers do not get their master's."""

import json
import os
from dataclasses import asdict, dataclass

VARIABLE = "KXBENCH_USERS"


@dataclass(frozen=True, slots=True)
class Settings:
    """``redis`` and ``dns`` are "host:port", ``http`` a URL; empty when no user asks it. ``think_ms`` is the
    mean pause of a user between two tasks (exponential). The rest are sizes of the data sets."""

    seed: int
    think_ms: float
    redis: str = ""
    http: str = ""
    dns: str = ""
    keys: int = 0
    value_bytes: int = 64
    names: int = 10

    def dump(self) -> str:
        return json.dumps(asdict(self))


def from_environment() -> Settings:
    """Raises KeyError when the variable is not set, TypeError or ValueError when it is not well-formed."""
    return Settings(**json.loads(os.environ[VARIABLE]))
