"""Servers that lie, stall, hang up and vanish: every sent request has one fate, and the generator ends."""

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.local import HOST, free_port
from tests.workloads.openloop.conftest import Generate, finished, start
from vocabulary import ServiceKind

Answer = Callable[[bytes], bytes | None]
"""What a server says to what it has read; None hangs up."""


@contextmanager
def tcp_server(answer: Answer, delay_s: float = 0) -> Iterator[int]:
    """A thread a connection, until the end of the with."""
    with socket.create_server((HOST, 0), backlog=200) as listener:
        listener.settimeout(0.05)
        done = threading.Event()

        def talk(peer: socket.socket) -> None:
            with peer, suppress(OSError):
                peer.settimeout(5)
                while not done.is_set() and (data := peer.recv(65536)):
                    if delay_s:
                        time.sleep(delay_s)
                    said = answer(data)
                    if said is None:
                        return
                    peer.sendall(said)

        def accept() -> None:
            talkers = []
            while not done.is_set():
                with suppress(TimeoutError):
                    talkers.append(threading.Thread(target=talk, args=(listener.accept()[0],)))
                    talkers[-1].start()
            for talker in talkers:
                talker.join(10)

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            done.set()
            acceptor.join(30)


SHORT = ("--rate", "300", "--duration", "0.3", "--warmup", "0", "--connections", "4")


class Good:
    """Answers every request of Redis as it should be, and says when there were some."""

    def __init__(self, some: int = 20) -> None:
        self._left = some
        self._seen = threading.Event()

    def __call__(self, data: bytes) -> bytes:
        n = data.count(b"GET")
        self._left -= n
        if self._left <= 0:
            self._seen.set()
        return b"+OK\r\n" * n

    def busy(self) -> None:
        """The generator is in the midst of its run."""
        assert self._seen.wait(60)


def patience(fate: str) -> tuple[str, ...]:
    """The time-out of a run in which all requests have this fate. A server of ours that answers may have to
    wait for a CPU of a busy machine; a request that times out meanwhile has another fate, and rightly. The
    generator may have to wait as well, and sends nothing after its drain."""
    return "--timeout-ms", "50" if fate == "timeouts" else "20000", "--drain-ms", "20000"


RESP_ANSWERS: dict[str, tuple[bytes | None, str]] = {
    "garbage": (b"\x00\xff garbage \r\n", "errors_malformed"),
    "hangs up": (None, "errors_reset"),
    "never answers": (b"", "timeouts"),
    "half a reply": (b"$10\r\nabc", "timeouts"),
    "a huge bulk": (b"$99999999999\r\n", "errors_malformed"),
    "arrays without end": (b"*1\r\n" * 99, "errors_malformed"),
    "an error": (b"-ERR no\r\n", "errors_reply"),
    "another protocol": (b"HTTP/1.1 200 OK\r\n\r\n", "errors_malformed"),
}
OK = b"HTTP/1.1 200 OK\r\n"
HTTP_ANSWERS: dict[str, tuple[bytes | None, str]] = {
    "a status": (b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", "errors_reply"),
    "a lying length": (OK + b"Content-Length: 9\r\n\r\nx", "timeouts"),
    "no length": (OK + b"\r\nabc", "errors_malformed"),
    "two lengths": (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", "errors_malformed"),
    "headers without end": (OK + b"A: b\r\n" * 20000, "errors_malformed"),
}
TCP = {name: (ServiceKind.REDIS, *case) for name, case in RESP_ANSWERS.items()}
TCP |= {name: (ServiceKind.HTTP, *case) for name, case in HTTP_ANSWERS.items()}


@pytest.mark.parametrize("name", TCP)
def test_a_bad_answer_is_counted_by_its_kind(
    generate: Generate, requests: dict[ServiceKind, Path], name: str
) -> None:
    kind, answer, fate = TCP[name]
    with tcp_server(lambda data: answer) as port:
        words = (*SHORT, *patience(fate))
        result = generate(port, requests[kind], *words, program="openloop-sanitized")
    assert result.code == 0, result.err
    assert result["sent"] > 0 and result["received"] == 0
    assert result["sent"] == result.answered_for
    assert result[fate] == result["sent"]


def test_requests_behind_a_malformed_answer_are_lost_as_resets(
    generate: Generate, requests: dict[ServiceKind, Path]
) -> None:
    words = ["--closed", "--duration", "1", "--warmup", "0", "--connections", "1", "--pipeline", "8"]
    words += patience("errors_malformed")
    with tcp_server(lambda data: b"garbage") as port:
        result = generate(port, requests[ServiceKind.REDIS], *words, program="openloop-sanitized")
    assert result["errors_malformed"] > 0
    assert result["errors_reset"] >= 6 * result["errors_malformed"]
    assert result["sent"] == result.answered_for


def test_chunked_and_closing_responses_are_good(
    generate: Generate, requests: dict[ServiceKind, Path]
) -> None:
    body = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    with tcp_server(lambda data: body) as port:
        result = generate(port, requests[ServiceKind.HTTP], *SHORT, *patience("received"))
    assert result["received"] == result["sent"] > 0
    assert result["reconnects"] >= result["received"]


def test_replies_that_nobody_asked_for_are_counted(
    generate: Generate, requests: dict[ServiceKind, Path]
) -> None:
    with tcp_server(lambda data: b"+OK\r\n+OK\r\n") as port:
        result = generate(port, requests[ServiceKind.REDIS], *SHORT, *patience("received"))
    assert result["unsolicited"] > 0
    assert result["sent"] == result.answered_for


DNS: dict[str, tuple[Callable[[bytes], list[bytes]], str]] = {
    "a query back": (lambda data: [data], "errors_malformed"),
    "server failure": (lambda data: [data[:2] + b"\x81\x82" + data[4:]], "errors_reply"),
    "truncated": (lambda data: [data[:2] + b"\x83\x80" + data[4:]], "errors_reply"),
    "another id": (lambda data: [bytes([data[0] ^ 255]) + data[1:2] + b"\x81\x80" + data[4:]], "timeouts"),
    "too short": (lambda data: [data[:11], b"", b"\x00"], "timeouts"),
    "twice": (lambda data: [data[:2] + b"\x81\x80" + data[4:]] * 2, "received"),
    "silence": (lambda data: [], "timeouts"),
    "ten thousand bytes": (lambda data: [data[:2] + b"\x81\x80" + data[4:] + bytes(9000)], "received"),
}


@pytest.mark.parametrize("name", DNS)
def test_a_bad_datagram_is_counted_by_its_kind(
    generate: Generate, requests: dict[ServiceKind, Path], name: str
) -> None:
    answer, fate = DNS[name]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOST, 0))
        server.settimeout(0.05)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                with suppress(OSError):
                    data, peer = server.recvfrom(4096)
                    for said in answer(data):
                        server.sendto(said, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            port = int(server.getsockname()[1])
            words = (*SHORT, *patience(fate), "--pipeline", "64")
            result = generate(port, requests[ServiceKind.DNS], *words, program="openloop-sanitized")
        finally:
            done.set()
            thread.join(10)
    assert result.code == 0, result.err
    assert result["sent"] > 0
    assert result["sent"] == result.answered_for == result[fate]


@pytest.mark.parametrize("kind", list(ServiceKind))
def test_nobody_there_is_said_in_one_line(
    generate: Generate, requests: dict[ServiceKind, Path], kind: ServiceKind
) -> None:
    port = free_port()
    result = generate(port, requests[kind], "--rate", "100", "--duration", "1")
    assert result.code == 1
    assert "refused" in result.err and str(port) in result.err and len(result.err.splitlines()) == 1


def test_a_server_that_goes_away_ends_the_run_and_keeps_what_was_measured(
    requests: dict[ServiceKind, Path],
) -> None:
    good = Good()
    with tcp_server(good) as port:
        process = start(
            port, requests[ServiceKind.REDIS], "--rate", "200", "--duration", "60", "--warmup", "0"
        )
        good.busy()
    result = finished(process)
    assert result.code == 1 and "went away" in result.err
    assert result["received"] > 0
    assert result["sent"] == result.answered_for


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_and_it_prints_what_it_has(
    requests: dict[ServiceKind, Path], number: signal.Signals
) -> None:
    good = Good()
    with tcp_server(good) as port:
        process = start(
            port, requests[ServiceKind.REDIS], "--rate", "200", "--duration", "60", "--warmup", "0"
        )
        good.busy()
        assert process.poll() is None
        process.send_signal(number)
        result = finished(process)
    assert result.code == 128 + number
    assert result.params["interrupted"] is True
    assert result["received"] > 0
    assert result["sent"] == result.answered_for


def test_a_slow_server_is_not_a_saturated_generator(
    generate: Generate, requests: dict[ServiceKind, Path]
) -> None:
    with tcp_server(lambda data: b"+OK\r\n", delay_s=0.02) as port:  # at most 200 a second on 4 connections
        words = ("--rate", "800", "--duration", "1", "--warmup", "0", "--connections", "4", "--spin-us", "0")
        for _ in range(4):  # neighbours on the machine may starve the generator, which it then says
            result = generate(port, requests[ServiceKind.REDIS], *words)
            if not result["saturated"]:
                break
    assert result["behind"] == 1 and result["saturated"] == 0
    assert result["held"] > 0.5 * result["sent"]
    assert result["rate"] < 210
    latency, service = (result.slower_than(name, 200e6) for name in ("latency", "service"))
    assert latency > 100 > service


def test_a_generator_without_a_cpu_says_that_it_was_saturated(requests: dict[ServiceKind, Path]) -> None:
    good = Good()
    with tcp_server(good) as port:
        words = ("--rate", "500", "--duration", "4", "--warmup", "0", "--connections", "40")
        process = start(port, requests[ServiceKind.REDIS], *words)
        good.busy()
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        process.send_signal(signal.SIGCONT)
        result = finished(process)
    assert result["saturated"] == 1
    assert result.slower_than("lateness", 20e6) > 500 * 0.2


def test_a_rate_beyond_the_generator_is_reported_as_saturated(
    generate: Generate, requests: dict[ServiceKind, Path]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:  # takes all, answers nothing
        sink.bind((HOST, 0))
        words = ["--rate", "2e7", "--duration", "1", "--warmup", "0", "--timeout-ms", "250"]
        words += ["--connections", "16", "--pipeline", "65536", "--drain-ms", "0"]
        result = generate(int(sink.getsockname()[1]), requests[ServiceKind.DNS], *words)
    assert result["behind"] == 1 and result["saturated"] == 1
    assert result["sent_rate"] < 0.9 * result["offered_rate"]
    assert result.slower_than("own_lateness", 10e6) > 0.5 * result["sent"]
    assert result["sent"] == result["timeouts"]


def test_the_generator_ends_with_its_standard_output_closed(requests: dict[ServiceKind, Path]) -> None:
    with tcp_server(Good()) as port:
        process = start(port, requests[ServiceKind.REDIS], "--rate", "100", "--duration", "0.2")
        assert process.stdout
        process.stdout.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
        if process.stderr:
            process.stderr.close()
        assert process.returncode is not None
