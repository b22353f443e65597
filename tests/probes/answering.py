"""A server for the tests of wire: ``tcp`` or ``udp``, ADDRESS, PORT, and how it answers.

Each request is one byte that says how: ``n`` now, ``l`` later (20 ms), ``w`` with the next,
``b`` big (256 KiB), ``s`` silent, ``c`` silent and closed. Over UDP a request is a DNS message: ``s`` as its
last byte leaves it unanswered."""

import socket
import sys
import threading
import time

ANSWER = b"+OK\r\n"


def answer(connection: socket.socket) -> None:
    held = b""
    while data := connection.recv(65536):
        for byte in data.decode():
            if byte == "c":
                connection.close()
                return
            if byte == "l":
                time.sleep(0.02)
            if byte == "w":
                held += ANSWER
            elif byte != "s":
                connection.sendall(held + ANSWER * (50000 if byte == "b" else 1))
                held = b""


def main() -> None:
    kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if kind == "udp":
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((address, port))
        while True:
            data, client = server.recvfrom(4096)
            if not data.endswith(b"s"):
                server.sendto(data[:2] + bytes([data[2] | 0x80]) + data[3:], client)
    listener = socket.create_server((address, port))
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
