"""The correctness pass on Redis, by redis-py. Its keys begin with ``check:`` and are gone after it."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from vocabulary import Endpoint, Place
from workloads.redis_load.dataset import KeySet, key
from workloads.services.checks import Checks, Wrong, same, true

TIMEOUT_S = 20.0
_EXPIRES_MS = 40
_SAMPLED = 64


@dataclass(frozen=True, slots=True)
class Client:
    """``ask`` is untyped on purpose: redis-py's answers are unions over its async face too."""

    ask: Any
    data: KeySet


CHECKS: Checks[Client] = Checks("Redis", (redis.RedisError,))


def verify(data: KeySet, place: Place, endpoint: Endpoint, features: Collection[str] = ()) -> int:
    """Ask from ``place``; all features when none are named. Returns how many questions were asked.

    Raises TargetError naming the first wrong answer, UsageError on an unknown feature."""
    chosen = features or CHECKS.features
    with place.entered():
        client = redis.Redis(
            host=endpoint.host,
            port=endpoint.port,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )
        with client:
            return CHECKS.run(Client(client, data), f"{endpoint.host}:{endpoint.port}", chosen)


def _refused(what: str, says: str, ask: Callable[[], object]) -> None:
    """The command must be answered by an error that contains ``says``."""
    try:
        answer = ask()
    except redis.ResponseError as error:
        true(f"{what}: the error says {str(error)[:80]!r}, not {says!r}", says in str(error))
    else:
        raise Wrong(f"{what}: {answer!r:.80} instead of an error")


@CHECKS.of("ping")
def _ping(c: Client) -> None:
    same("PING", c.ask.ping(), True)


@CHECKS.of("get_set")
def _get_and_set(c: Client) -> None:
    same("GET of an absent key", c.ask.get("check:absent"), None)
    same("SET", c.ask.set("check:set", "one"), True)
    same("GET", c.ask.get("check:set"), b"one")
    same("SET over it", c.ask.set("check:set", "two"), True)
    same("GET after it", c.ask.get("check:set"), b"two")


@CHECKS.of("data")
def _keys_of_the_data_set(c: Client) -> None:
    step = max(c.data.keys // _SAMPLED, 1)
    for index in sorted({*range(0, c.data.keys, step), c.data.keys - 1} - {-1}):
        same(f"GET {key(index).decode()}", c.ask.get(key(index)), c.data.value(index))


@CHECKS.of("keys")
def _del_exists_type_rename(c: Client) -> None:
    c.ask.set("check:set", "two")
    same("EXISTS", c.ask.exists("check:set", "check:absent"), 1)
    same("TYPE", c.ask.type("check:set"), b"string")
    same("RENAME", c.ask.rename("check:set", "check:renamed"), True)
    same("DEL", c.ask.delete("check:renamed", "check:absent"), 1)
    same("GET after DEL", c.ask.get("check:renamed"), None)


@CHECKS.of("strings")
def _append_and_ranges(c: Client) -> None:
    same("APPEND", c.ask.append("check:s", "hello"), 5)
    same("APPEND more", c.ask.append("check:s", " there"), 11)
    same("STRLEN", c.ask.strlen("check:s"), 11)
    same("GETRANGE", c.ask.getrange("check:s", -5, -1), b"there")
    same("SETRANGE", c.ask.setrange("check:s", 6, "where"), 11)
    same("GET", c.ask.get("check:s"), b"hello where")
    same("SETNX on an existing key", c.ask.setnx("check:s", "x"), False)
    same("GETDEL", c.ask.getdel("check:s"), b"hello where")


@CHECKS.of("strings")
def _mset_and_mget(c: Client) -> None:
    same("MSET", c.ask.mset({"check:a": "1", "check:b": "2"}), True)
    same("MGET", c.ask.mget("check:a", "check:absent", "check:b"), [b"1", None, b"2"])
    c.ask.delete("check:a", "check:b")


@CHECKS.of("binary")
def _every_byte_in_key_and_value(c: Client) -> None:
    every = bytes(range(256))
    for value in (b"", b"\r\n", b"$5\r\nhello\r\n", every):
        name = b"check:" + every
        c.ask.set(name, value)
        same("GET of a binary key", c.ask.get(name), value)
        c.ask.delete(name)


@CHECKS.of("expiry")
def _expiry(c: Client) -> None:
    c.ask.set("check:e", "v", px=_EXPIRES_MS)
    true("PTTL is within the expiry", -2 <= c.ask.pttl("check:e") <= _EXPIRES_MS)
    deadline = time.monotonic() + 2
    while (asked := time.monotonic()) and c.ask.get("check:e") is not None:
        true(f"the key outlives its {_EXPIRES_MS} ms by 2 s", asked < deadline)
        time.sleep(0.005)
    same("TTL of an expired key", c.ask.ttl("check:e"), -2)
    c.ask.set("check:e", "v")
    same("TTL of a lasting key", c.ask.ttl("check:e"), -1)
    same("EXPIRE", c.ask.expire("check:e", 1000), True)
    true("TTL after EXPIRE", 990 <= c.ask.ttl("check:e") <= 1000)
    same("PERSIST", c.ask.persist("check:e"), True)
    same("TTL after PERSIST", c.ask.ttl("check:e"), -1)
    c.ask.delete("check:e")


@CHECKS.of("counters")
def _counters(c: Client) -> None:
    same("INCR of an absent key", c.ask.execute_command("INCR", "check:n"), 1)
    same("INCRBY", c.ask.incrby("check:n", 41), 42)
    same("DECR", c.ask.execute_command("DECR", "check:n"), 41)
    same("INCRBYFLOAT", c.ask.incrbyfloat("check:n", 0.5), 41.5)
    c.ask.set("check:n", 2**63 - 1)
    _refused("INCR over 2^63", "overflow", lambda: c.ask.incr("check:n"))
    c.ask.delete("check:n")


@CHECKS.of("lists")
def _lists(c: Client) -> None:
    same("RPUSH", c.ask.rpush("check:l", *"bcd"), 3)
    same("LPUSH", c.ask.lpush("check:l", "a"), 4)
    same("LRANGE", c.ask.lrange("check:l", 0, -1), [b"a", b"b", b"c", b"d"])
    same("LPOP", c.ask.lpop("check:l"), b"a")
    same("RPOP", c.ask.rpop("check:l"), b"d")
    same("LLEN", c.ask.llen("check:l"), 2)
    same("LTRIM", c.ask.ltrim("check:l", 1, 0), True)
    same("EXISTS of an emptied list", c.ask.exists("check:l"), 0)


@CHECKS.of("hashes")
def _hashes(c: Client) -> None:
    same("HSET", c.ask.hset("check:h", mapping={"x": "1", "y": "2"}), 2)
    same("HGET", c.ask.hget("check:h", "y"), b"2")
    same("HINCRBY", c.ask.hincrby("check:h", "x", 9), 10)
    same("HGETALL", c.ask.hgetall("check:h"), {b"x": b"10", b"y": b"2"})
    same("HDEL", c.ask.hdel("check:h", "x", "y"), 2)
    same("HLEN", c.ask.hlen("check:h"), 0)


@CHECKS.of("sets")
def _sets(c: Client) -> None:
    same("SADD", c.ask.sadd("check:s1", *"abc", "a"), 3)
    c.ask.sadd("check:s2", *"bcd")
    same("SMEMBERS", c.ask.smembers("check:s1"), {b"a", b"b", b"c"})
    same("SINTER", c.ask.sinter("check:s1", "check:s2"), {b"b", b"c"})
    same("SDIFF", c.ask.sdiff("check:s1", "check:s2"), {b"a"})
    same("SISMEMBER", bool(c.ask.sismember("check:s1", "d")), False)
    same("SCARD", c.ask.scard("check:s2"), 3)
    c.ask.delete("check:s1", "check:s2")


@CHECKS.of("zsets")
def _sorted_sets(c: Client) -> None:
    same("ZADD", c.ask.zadd("check:z", {"a": 3, "b": 1, "c": 2.5}), 3)
    same("ZRANGE", c.ask.zrange("check:z", 0, -1), [b"b", b"c", b"a"])
    same("ZSCORE", c.ask.zscore("check:z", "c"), 2.5)
    same("ZINCRBY", c.ask.zincrby("check:z", 5, "b"), 6.0)
    same("ZRANK", c.ask.zrank("check:z", "b"), 2)
    same("ZRANGEBYSCORE", c.ask.zrangebyscore("check:z", "(2.5", "+inf"), [b"a", b"b"])
    c.ask.delete("check:z")


@CHECKS.of("pipelines")
def _pipeline(c: Client) -> None:
    with c.ask.pipeline(transaction=False) as pipe:
        for number in range(200):
            pipe.rpush("check:p", number)
        same("200 RPUSH in one pipeline", pipe.execute(), list(range(1, 201)))
    same("LRANGE", c.ask.lrange("check:p", 0, -1), [b"%d" % number for number in range(200)])
    c.ask.delete("check:p")


@CHECKS.of("transactions")
def _transaction_and_watch(c: Client) -> None:
    with c.ask.pipeline(transaction=True) as pipe:
        pipe.set("check:t", 1)
        pipe.incrby("check:t", 4)
        same("MULTI SET INCRBY EXEC", pipe.execute(), [True, 5])
    with c.ask.pipeline(transaction=True) as pipe:
        pipe.watch("check:t")
        c.ask.set("check:t", 7)
        pipe.multi()
        pipe.set("check:t", 8)
        try:
            answer = pipe.execute()
        except redis.WatchError:
            pass
        else:
            raise Wrong(f"EXEC after a watched key changed: {answer!r} instead of nil")
    same("GET after the aborted EXEC", c.ask.get("check:t"), b"7")
    c.ask.delete("check:t")


@CHECKS.of("scan")
def _scan(c: Client) -> None:
    made = {b"check:scan:%d" % number for number in range(50)}
    c.ask.mset(dict.fromkeys(made, ""))
    same("SCAN MATCH", set(c.ask.scan_iter(match="check:scan:*", count=10_000)), made)
    c.ask.sadd("check:members", *range(1000))
    same("SSCAN", len(set(c.ask.sscan_iter("check:members", count=100))), 1000)
    c.ask.delete("check:members", *made)


@CHECKS.of("big")
def _a_value_of_a_mebibyte(c: Client) -> None:
    value = bytes(range(256)) * 4096
    c.ask.set("check:big", value)
    true("the value of 1 MiB came back altered", c.ask.get("check:big") == value)
    same("STRLEN", c.ask.strlen("check:big"), len(value))
    c.ask.delete("check:big")


@CHECKS.of("errors")
def _error_replies(c: Client) -> None:
    c.ask.rpush("check:list", "x")
    _refused("GET of a list", "WRONGTYPE", lambda: c.ask.get("check:list"))
    c.ask.set("check:list", "x")
    _refused("INCR of a word", "not an integer", lambda: c.ask.incr("check:list"))
    _refused("an unknown command", "unknown command", lambda: c.ask.execute_command("KXBENCHNOSUCH"))
    _refused("GET without a key", "wrong number of arguments", lambda: c.ask.execute_command("GET"))
    same("PING after the errors", c.ask.ping(), True)
    c.ask.delete("check:list")


@CHECKS.of("keys")
def _nothing_is_left_behind(c: Client) -> None:
    same("DBSIZE", c.ask.dbsize(), c.data.keys)
