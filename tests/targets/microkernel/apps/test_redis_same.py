"""The same commands to this server and to Redis 7: the same replies, errors included."""

import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.local import HOST, free_port
from tests.targets.microkernel.apps.conftest import Start
from tests.targets.microkernel.apps.resp import Resp, Words
from tests.targets.microkernel.apps.serving import Served, serving

EXAMPLES = int(os.environ.get("KXBENCH_EXAMPLES", "60"))
UNITS_A_S = {b"TTL": 1, b"PTTL": 1000}

# Of few values, so that commands meet: on the same keys, of the wrong kind, on the edges of numbers.
keys = st.sampled_from([b"a", b"b", b"key", b"", b"\xff\0\r\n", b"k" * 40])
words = st.sampled_from([b"", b"x", b"hello there", b"\0\xff", b"12", b"-7", b"3.25", b"v" * 200, b"a", b"b"])
small = [
    b"0",
    b"1",
    b"-1",
    b"2",
    b"-2",
    b"5",
    b"-100",
    b"100",
    b"007",
    b"",
    b"x",
    b"+1",
    b"-0",
    b" 1",
    b"1.5",
]
large = [b"1.5", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808"]
numbers = st.sampled_from([*small, *large])
scores = st.sampled_from([b"1", b"-1", b"0", b"2.5", b"3", b"1e2", b"x", b"", b"1000000", b".5", b"0.125"])
bounds = st.one_of(scores, scores.map(lambda s: b"(" + s), st.sampled_from([b"-inf", b"+inf", b"inf", b"("]))
# as milliseconds, too, none that ends while a test goes on
times = st.sampled_from([b"90000", b"100000", b"0", b"-5", b"x", b"9223372036854775807", b"99999999999999"])
patterns = st.sampled_from(
    [b"*", b"a", b"?", b"k*", b"[a-b]", b"[^a]", b"k*k", b"", b"\\a", b"*y", b"[a", b"\\"]
)
flags = st.sampled_from(
    [b"NX", b"xx", b"GT", b"lt", b"GET", b"keepttl", b"CH", b"INCR", b"huh", b"WITHSCORES"]
)
Part = st.SearchStrategy[Any]


def command(name: str, *parts: Part) -> Part:
    """Any of its letters' case matters to nobody; now and then an argument too few or too many."""
    fixed = st.tuples(*parts).map(_flat)
    spoiled = st.one_of(
        fixed, fixed, fixed, fixed, fixed, fixed.map(lambda a: a[:-1]), st.tuples(fixed, words).map(_flat)
    )
    return spoiled.map(lambda arguments: (name.encode(), *arguments))


def _flat(parts: Any) -> Words:
    flat: list[bytes] = []
    for part in parts:
        flat += [part] if isinstance(part, bytes) else _flat(part)
    return tuple(flat)


def some(part: Part, least: int = 0, most: int = 3) -> Part:
    return st.lists(part, min_size=least, max_size=most).map(_flat)


def option(name: bytes, *parts: Part) -> Part:
    return st.tuples(st.just(name), *parts).map(_flat)


places = st.sampled_from([b"RANK", b"count", b"MAXLEN", b"x"])
ends = st.sampled_from([b"LEFT", b"right", b"x"])
expiry_options = st.sampled_from([b"EX", b"PX", b"exat", b"PXAT"]).flatmap(lambda name: option(name, times))
limit = st.one_of(st.just(()), option(b"LIMIT", numbers, numbers))
pairs = st.tuples(words, words).map(_flat)
scored = st.tuples(scores, words).map(_flat)

COMMANDS = {
    "strings": [
        command("GET", keys),
        command("SET", keys, words),
        command("set", keys, words, some(st.one_of(flags, expiry_options), most=2)),
        command("SETEX", keys, times, words),
        command("PSETEX", keys, times, words),
        command("SETNX", keys, words),
        command("GETSET", keys, words),
        command("GETDEL", keys),
        command("GETEX", keys, st.one_of(st.just(()), st.just(b"PERSIST"), expiry_options)),
        command("MGET", some(keys, 1)),
        command("MSET", some(st.tuples(keys, words), 1)),
        command("MSETNX", some(st.tuples(keys, words), 1)),
        command("STRLEN", keys),
        command("APPEND", keys, words),
        command("GETRANGE", keys, numbers, numbers),
        command("SETRANGE", keys, st.sampled_from([b"0", b"3", b"-1", b"x", b"40", b"600000000"]), words),
        command("INCR", keys),
        command("DECR", keys),
        command("INCRBY", keys, numbers),
        command("DECRBY", keys, numbers),
        command("INCRBYFLOAT", keys, scores),
    ],
    "keys": [
        command("DEL", some(keys, 1)),
        command("UNLINK", some(keys, 1)),
        command("EXISTS", some(keys, 1)),
        command("TOUCH", some(keys, 1)),
        command("TYPE", keys),
        command("RENAME", keys, keys),
        command("RENAMENX", keys, keys),
        command("DBSIZE"),
        command("KEYS", patterns),
        command(
            "SCAN",
            st.just(b"0"),
            st.just(b"COUNT"),
            st.just(b"1000"),
            st.one_of(st.just(()), option(b"MATCH", patterns)),
        ),
        command("SCAN", numbers, some(words)),
        command("FLUSHALL"),
        command("FLUSHDB", st.sampled_from([b"ASYNC", b"sync", b"now"])),
        command("EXPIRE", keys, times, some(flags, most=2)),
        command("PEXPIRE", keys, times),
        command("EXPIREAT", keys, times),
        command("PEXPIREAT", keys, times),
        command("TTL", keys),
        command("PTTL", keys),
        command("PERSIST", keys),
    ],
    "lists": [
        command("LPUSH", keys, some(words, 1)),
        command("RPUSH", keys, some(words, 1)),
        command("LPUSHX", keys, some(words, 1)),
        command("RPUSHX", keys, some(words, 1)),
        command("LPOP", keys, st.one_of(st.just(()), numbers)),
        command("RPOP", keys, st.one_of(st.just(()), numbers)),
        command("LLEN", keys),
        command("LINDEX", keys, numbers),
        command("LSET", keys, numbers, words),
        command("LRANGE", keys, numbers, numbers),
        command("LTRIM", keys, numbers, numbers),
        command("LINSERT", keys, st.sampled_from([b"BEFORE", b"after", b"x"]), words, words),
        command("LREM", keys, numbers, words),
        command("LPOS", keys, words, some(st.tuples(places, numbers), most=2)),
        command("RPOPLPUSH", keys, keys),
        command("LMOVE", keys, keys, ends, ends),
    ],
    "hashes": [
        command("HSET", keys, some(pairs, 1)),
        command("HMSET", keys, some(pairs, 1)),
        command("HSETNX", keys, words, words),
        command("HGET", keys, words),
        command("HMGET", keys, some(words, 1)),
        command("HDEL", keys, some(words, 1)),
        command("HLEN", keys),
        command("HEXISTS", keys, words),
        command("HSTRLEN", keys, words),
        command("HINCRBY", keys, words, numbers),
        command("HGETALL", keys),
        command("HKEYS", keys),
        command("HVALS", keys),
        command("HSCAN", keys, st.just(b"0")),
    ],
    "sets": [
        command("SADD", keys, some(words, 1)),
        command("SREM", keys, some(words, 1)),
        command("SCARD", keys),
        command("SISMEMBER", keys, words),
        command("SMISMEMBER", keys, some(words, 1)),
        command("SMEMBERS", keys),
        command("SINTER", some(keys, 1)),
        command("SDIFF", some(keys, 1)),
        command("SUNION", some(keys, 1)),
        command("SPOP", keys, st.just(b"100")),
        command("SINTERSTORE", some(keys, 2)),
        command("SDIFFSTORE", some(keys, 2)),
        command("SUNIONSTORE", some(keys, 2)),
        command("SINTERCARD", numbers, some(keys, 1), some(option(b"limit", numbers), most=1)),
        command("SMOVE", keys, keys, words),
        command("SRANDMEMBER", keys, st.sampled_from([b"100", b"0", b"x", b"-9223372036854775808"])),
        command("SSCAN", keys, st.just(b"0"), some(words)),
    ],
    "zsets": [
        command("ZADD", keys, some(scored, 1)),
        command("ZADD", keys, some(flags, most=2), some(scored, 1)),
        command("ZINCRBY", keys, scores, words),
        command("ZREM", keys, some(words, 1)),
        command("ZCARD", keys),
        command("ZSCORE", keys, words),
        command("ZRANK", keys, words),
        command("ZREVRANK", keys, words),
        command(
            "ZRANGE", keys, numbers, numbers, some(st.sampled_from([b"REV", b"WITHSCORES", b"x"]), most=2)
        ),
        command(
            "ZRANGE",
            keys,
            bounds,
            bounds,
            st.just(b"BYSCORE"),
            some(st.sampled_from([b"REV"]), most=1),
            limit,
        ),
        command("ZREVRANGE", keys, numbers, numbers),
        command("ZRANGEBYSCORE", keys, bounds, bounds, limit, some(st.just(b"WITHSCORES"), most=1)),
        command("ZREVRANGEBYSCORE", keys, bounds, bounds, limit),
        command("ZCOUNT", keys, bounds, bounds),
        command("ZPOPMIN", keys, st.one_of(st.just(()), numbers)),
        command("ZPOPMAX", keys, st.one_of(st.just(()), numbers)),
        command("ZSCAN", keys, st.just(b"0")),
    ],
    "connection": [
        command("MULTI"),
        command("EXEC"),
        command("DISCARD"),
        command("WATCH", some(keys, 1)),
        command("UNWATCH"),
        command("PING", some(words, most=1)),
        command("ECHO", words),
        command("SELECT", st.sampled_from([b"0", b"99", b"x"])),
        command("NOSUCH", some(words)),
        command("CLIENT", st.sampled_from([b"GETNAME", b"nosuch"])),
        command("CLIENT", st.just(b"SETNAME"), words),
        command("CONFIG", st.just(b"GET"), st.sampled_from([b"save", b"appendonl*", b"nosuch"])),
        command("SET", keys, words),
        command("INCR", keys),
    ],
}
UNORDERED = {
    b"KEYS",
    b"SMEMBERS",
    b"SINTER",
    b"SDIFF",
    b"SUNION",
    b"SPOP",
    b"HKEYS",
    b"HVALS",
    b"SRANDMEMBER",
}
PAIRED = {b"HGETALL"}
SCANS = {b"SCAN", b"SSCAN", b"HSCAN", b"ZSCAN"}


def comparable(words: Words, reply: Any) -> Any:
    """The reply without what is free: the order of what has none."""
    name = words[0].upper()
    kind, value = reply
    if name in SCANS and kind == "*" and value:
        found = sorted(value[1][1], key=repr)  # with another cursor than 0: of a table of another size
        return ("cursor", value[0], found) if words[2 if name != b"SCAN" else 1] == b"0" else "any"
    if kind not in "*~%" or not value:
        return reply
    if name in UNORDERED:
        return kind, sorted(value, key=repr)
    if name in PAIRED:
        return kind, sorted(zip(value[::2], value[1::2], strict=True), key=repr)
    return reply


def same(words: Words, ours: Any, theirs: Any, past_s: float) -> bool:
    """``past_s``: since the first command, and so at most between a key's two times to live."""
    units_a_s = UNITS_A_S.get(words[0].upper())
    if units_a_s and ours[0] == theirs[0] == ":" and min(int(ours[1]), int(theirs[1])) >= 0:
        return abs(int(ours[1]) - int(theirs[1])) <= past_s * units_a_s + 1
    return bool(comparable(words, ours) == comparable(words, theirs))


@pytest.fixture(scope="module")
def ours(start: Start) -> Served:
    return start("redis", "--out", "300")


@pytest.fixture(scope="module")
def theirs() -> Iterator[Served]:
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    port = free_port()
    words = ["redis-server", "--bind", HOST, "--port", str(port), "--save", "", "--databases", "1"]
    with serving([*words, "--loglevel", "warning"], port, unasked=False) as served:
        yield served


MODES = ["strings", "lists", "hashes", "sets", "zsets"]


def sequences(group: str) -> st.SearchStrategy[list[Words]]:
    """Commands of the group, mixed with those on keys of any kind and a few that make keys of other kinds."""
    others = [command("SET", keys, words), command("RPUSH", keys, words), command("SADD", keys, words)]
    chosen = st.one_of(*COMMANDS[group], *COMMANDS[group], *COMMANDS["keys"], *others)
    return st.lists(chosen, min_size=1, max_size=40)


def compare(ours: Served, theirs: Served, commands: list[Words], protocol: bytes) -> None:
    left, right = Resp(ours.connect()), Resp(theirs.connect())
    try:
        for one in (left, right):
            one.ask(b"HELLO", protocol)
            one.ask(b"FLUSHALL")
        before: list[Words] = []
        began = time.monotonic()
        for words in commands:
            before.append(words)
            a, b = left.ask(*words), right.ask(*words)
            assert same(words, a, b, time.monotonic() - began), f"after {before}: {a} instead of {b}"
    finally:
        left.close()
        right.close()


ALLOWED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.mark.parametrize("group", MODES)
def test_commands(ours: Served, theirs: Served, group: str) -> None:
    @settings(max_examples=EXAMPLES, suppress_health_check=ALLOWED, derandomize=EXAMPLES <= 60)
    @given(sequences(group), st.sampled_from([b"2", b"2", b"3"]))
    def check(commands: list[Words], protocol: bytes) -> None:
        compare(ours, theirs, commands, protocol)

    check()


def test_transactions_and_the_connection(ours: Served, theirs: Served) -> None:
    part = st.lists(st.one_of(*COMMANDS["connection"]), min_size=1, max_size=40)

    @settings(max_examples=EXAMPLES, suppress_health_check=ALLOWED, derandomize=EXAMPLES <= 60)
    @given(part)
    def check(commands: list[Words]) -> None:
        compare(ours, theirs, commands, b"2")

    check()


def test_watched_keys_that_others_change(ours: Served, theirs: Served) -> None:
    """Each way in which a key can change, between WATCH and EXEC."""
    ways: list[Words] = [
        (b"SET", b"w", b"1"),
        (b"DEL", b"w"),
        (b"EXPIRE", b"w", b"100"),
        (b"PERSIST", b"w"),
        (b"APPEND", b"w", b""),
        (b"FLUSHALL",),
        (b"RENAME", b"w", b"v"),
        (b"RENAME", b"v", b"w"),
        (b"GET", b"w"),
        (b"SET", b"w", b"1", b"NX"),
        (b"SETRANGE", b"w", b"0", b""),
        (b"GETEX", b"w", b"PERSIST"),
        (b"PEXPIRE", b"w", b"-1"),
        (b"INCR", b"w"),
        (b"LPUSH", b"w", b"x"),
    ]
    for way in ways:
        for there in (True, False):
            answers = []
            for served in (ours, theirs):
                watcher, other = Resp(served.connect()), Resp(served.connect())
                other.ask(b"FLUSHALL")
                other.ask(b"SET", b"v", b"5")
                if there:
                    other.ask(b"SET", b"w", b"1")
                watcher.ask(b"WATCH", b"w")
                other.ask(*way)
                watcher.ask(b"MULTI")
                watcher.ask(b"PING")
                answers.append(watcher.ask(b"EXEC"))
                watcher.close()
                other.close()
            assert answers[0] == answers[1], (way, there)


def test_a_long_pipeline(ours: Served, theirs: Served) -> None:
    commands: list[Words] = [(b"FLUSHALL",)]
    for n in range(2000):
        commands += [
            (b"RPUSH", b"l", b"%d" % n),
            (b"INCR", b"n"),
            (b"SET", b"k%d" % (n % 9), b"x" * n),
            (b"GET", b"k3"),
        ]
    commands += [(b"LRANGE", b"l", b"0", b"-1")] * 20
    got = []
    for served in (ours, theirs):
        client = Resp(served.connect())
        for start in range(0, len(commands), 100):
            client.send(*commands[start : start + 100])
            got.append([client.reply() for _ in commands[start : start + 100]])
        client.close()
    half = len(got) // 2
    assert got[:half] == got[half:]
