"""The locust file: what users of Redis, HTTP and DNS do. Run by ``distributed.py``, never imported by us.

Each request is checked, reported by locust's request event under the name "service:what", and drawn from
a stream seeded by (seed, worker, user). Locust keeps latency in whole milliseconds below 100 ms: no figure
of latency is taken from here."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import redis
from locust import HttpUser, User, events, task
from redis.backoff import NoBackoff
from redis.retry import Retry

from workloads.dns_load.zone import ORIGIN, counted_names
from workloads.http_load.pages import SIZES, name_of
from workloads.redis_load.dataset import key
from workloads.users.settings import from_environment

SETTINGS = from_environment()
_TIMEOUT_S = 5.0
_numbers = count()


def _seed_task_choice(environment: Any, **_: Any) -> None:
    """Locust draws tasks from the module's own generator."""
    random.seed(f"{SETTINGS.seed} {_worker(environment)}")


events.init.add_listener(_seed_task_choice)  # type: ignore[no-untyped-call]


def _worker(environment: Any) -> int:
    return int(getattr(environment.runner, "worker_index", 0) or 0)


class _Seeded(User):
    """A user with a random stream of its own that pauses between tasks."""

    abstract = True

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        name = type(self).__name__
        self.rng = random.Random(f"{SETTINGS.seed} {name} {_worker(environment)} {next(_numbers)}")

    def wait_time(self) -> float:
        return self.rng.expovariate(1e3 / SETTINGS.think_ms) if SETTINGS.think_ms else 0.0


class _Reporting(_Seeded):
    """For protocols that locust does not speak."""

    abstract = True
    service = ""

    @contextmanager
    def asking(self, what: str, errors: tuple[type[Exception], ...]) -> Iterator[None]:
        """One request: reports its time, and as a failure what it raises of ``errors``."""
        caught: tuple[type[Exception], ...] = (*errors, AssertionError, OSError)
        start, failure = time.perf_counter(), None
        try:
            yield
        except caught as error:
            failure = error
        self.environment.events.request.fire(
            request_type=self.service,
            name=f"{self.service}:{what}",
            response_time=1e3 * (time.perf_counter() - start),
            response_length=0,
            exception=failure,
            context={},
        )


def _check(holds: object, what: str) -> None:
    if not holds:
        raise AssertionError(what)


class RedisUser(_Reporting):
    """Reads the data set's keys, and keeps a session: a counter, a list of what was read, a cache entry."""

    service = "redis"

    def on_start(self) -> None:
        host, _, port = SETTINGS.redis.rpartition(":")
        self.client: Any = redis.Redis(
            host=host,
            port=int(port),
            socket_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )
        self.session = f"user:{self.rng.randrange(1 << 40)}"
        self.visits = 0

    def on_stop(self) -> None:
        self.client.close()

    def _one(self, what: str, ask: Callable[[], None]) -> None:
        with self.asking(what, (redis.RedisError,)):
            ask()

    @task(12)
    def get(self) -> None:
        def ask() -> None:
            name = key(self.rng.randrange(max(SETTINGS.keys, 1)))
            value = self.client.get(name)
            _check((value is not None and len(value) == SETTINGS.value_bytes) or not SETTINGS.keys, "value")

        self._one("get", ask)

    @task(3)
    def put(self) -> None:
        value = self.rng.randbytes(SETTINGS.value_bytes)
        self._one("set", lambda: _check(self.client.set(f"{self.session}:cache", value, ex=60), "SET"))

    @task(3)
    def visit(self) -> None:
        def ask() -> None:
            with self.client.pipeline(transaction=True) as pipe:
                pipe.incr(f"{self.session}:visits")
                pipe.lpush(f"{self.session}:seen", self.visits)
                pipe.ltrim(f"{self.session}:seen", 0, 9)
                visits, _, _ = pipe.execute()
            self.visits += 1
            _check(visits == self.visits, f"{visits} visits counted of {self.visits}")

        self._one("visit", ask)

    @task(2)
    def history(self) -> None:
        def ask() -> None:
            seen = self.client.lrange(f"{self.session}:seen", 0, -1)
            _check(len(seen) == min(self.visits, 10), f"{len(seen)} of {self.visits} seen")

        self._one("history", ask)


class PageUser(_Seeded, HttpUser):
    """Reads mostly small pages, some big ones, some again if changed, some that are not there."""

    host = SETTINGS.http
    sizes: tuple[int, ...] = SIZES

    def on_start(self) -> None:
        self.client.trust_env = False
        self.modified = ""

    def _get(self, what: str, path: str, status: int, size: int | None, **headers: str) -> None:
        name = f"http:{what}"
        named = {word.replace("_", "-"): text for word, text in headers.items()}
        with self.client.get(
            path, name=name, headers=named, catch_response=True, timeout=_TIMEOUT_S
        ) as response:
            if response.status_code != status:
                response.failure(f"status {response.status_code}, not {status}")
            elif size is not None and len(response.content) != size:
                response.failure(f"{len(response.content)} bytes, not {size}")
            else:
                response.success()
                self.modified = response.headers.get("last-modified", self.modified)

    @task(14)
    def small(self) -> None:
        self._get("small", f"/{name_of(SIZES[0])}", 200, SIZES[0])

    @task(4)
    def medium(self) -> None:
        self._get("medium", f"/{name_of(SIZES[1])}", 200, SIZES[1])

    @task(1)
    def big(self) -> None:
        self._get("big", f"/{name_of(SIZES[2])}", 200, SIZES[2])

    @task(3)
    def again(self) -> None:
        if self.modified:
            self._get("again", f"/{name_of(SIZES[0])}", 304, 0, if_modified_since=self.modified)

    @task(1)
    def absent(self) -> None:
        self._get("absent", f"/absent-{self.rng.randrange(1000)}.html", 404, None)


class DnsUser(_Reporting):
    """Asks for names of the zone, for the aliases, for names that do not exist; retries over TCP."""

    service = "dns"

    def on_start(self) -> None:
        self.server, _, port = SETTINGS.dns.rpartition(":")
        self.port = int(port)
        self.names = counted_names(SETTINGS.names)

    def _ask(self, what: str, owner: str, kind: str, rcode: str, *, answered: bool = True) -> None:
        with self.asking(what, (dns.exception.DNSException, EOFError)):
            query = dns.message.make_query(owner, kind, use_edns=False)
            reply = dns.query.udp(query, self.server, _TIMEOUT_S, self.port)
            if reply.flags & dns.flags.TC:
                reply = dns.query.tcp(query, self.server, _TIMEOUT_S, self.port)
            _check(dns.rcode.to_text(reply.rcode()) == rcode, f"{owner} {kind}: {reply.rcode()}")
            _check(bool(reply.answer) == answered, f"{owner} {kind}: {len(reply.answer)} answers")

    @task(16)
    def known(self) -> None:
        self._ask("known", *self.rng.choice(self.names), "NOERROR")

    @task(3)
    def alias(self) -> None:
        self._ask("alias", f"alias1.{ORIGIN}", "A", "NOERROR")

    @task(2)
    def wildcard(self) -> None:
        self._ask("wildcard", f"x{self.rng.randrange(1 << 30):x}.wild.{ORIGIN}", "A", "NOERROR")

    @task(3)
    def unknown(self) -> None:
        self._ask("unknown", f"no{self.rng.randrange(1 << 30):x}.{ORIGIN}", "A", "NXDOMAIN", answered=False)

    @task(1)
    def big(self) -> None:
        self._ask("big", f"big.{ORIGIN}", "TXT", "NOERROR")
