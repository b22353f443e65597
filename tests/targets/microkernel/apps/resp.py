"""A RESP client that hides nothing: commands as words, replies as the protocol has them."""

import socket
from typing import Any

Words = tuple[bytes, ...]


def encode(words: Words) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Resp:
    """Replies are (type, value), arrays are (type, list of replies)."""

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw
        self._file = raw.makefile("rb")

    def ask(self, *words: bytes) -> Any:
        self.send(words)
        return self.reply()

    def send(self, *commands: Words) -> None:
        self._raw.sendall(b"".join(map(encode, commands)))

    def reply(self) -> Any:
        line = self._file.readline()
        assert line.endswith(b"\r\n"), line
        kind, rest = line[:1].decode(), line[1:-2]
        if kind in "$=":
            return kind, self._bulk(int(rest))
        if kind in "*~%":
            count = int(rest) * (2 if kind == "%" else 1)
            return kind, None if count < 0 else [self.reply() for _ in range(count)]
        assert kind in "+-:,_#", line
        return kind, rest

    def _bulk(self, count: int) -> bytes | None:
        if count < 0:
            return None
        value = self._file.read(count + 2)
        assert value.endswith(b"\r\n") and len(value) == count + 2
        return value[:-2]

    def close(self) -> None:
        self._file.close()
        self._raw.close()
