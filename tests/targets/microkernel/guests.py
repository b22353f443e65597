"""A guest with the shell on its console, typed to over a socket, and frames of any content for its card."""

import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from targets.lab import Lab, Site
from targets.microkernel import initrd, target
from targets.microkernel.building import PARTS
from targets.microkernel.qemu import MachineOptions
from targets.process.ending import kill_session

BOOTS_WITHIN_S = 60.0
ANSWERS_WITHIN_S = 60.0
PROMPT = "\n> "
ETHERTYPE_IPV4 = 0x0800


class Shell:
    """``address`` is the guest's; ``text`` all that its console has shown."""

    def __init__(self, console: socket.socket, site: Site) -> None:
        self._console, self.site, self.address = console, site, site.address
        self.text = ""
        self._read = 0

    def until(self, what: str, timeout_s: float = ANSWERS_WITHIN_S, *, again: bool = False) -> str:
        """What the console shows up to ``what``, from where it was last read or, ``again``, from its
        beginning."""
        self._read = 0 if again else self._read
        deadline = time.monotonic() + timeout_s
        while (at := self.text.find(what, self._read)) < 0:
            left = deadline - time.monotonic()
            assert left > 0, f"no {what!r} after {self.text[self._read :]!r}"
            if select.select([self._console], [], [], left)[0]:
                data = self._console.recv(65536)
                assert data, f"the guest is gone: {self.text!r}"
                self.text += data.decode("latin-1").replace("\r", "")
        found = self.text[self._read : at]
        self._read = at + len(what)
        return found

    def type(self, line: str) -> None:
        self._console.sendall(line.encode() + b"\r")

    def ask(self, line: str, timeout_s: float = ANSWERS_WITHIN_S) -> str:
        """What a command says."""
        self.type(line)
        self.until(f"{line}\n", timeout_s)
        self._read -= 1  # an answer of nothing: the prompt begins with the line's end
        return self.until(PROMPT, timeout_s).strip("\n")

    def ended(self, program: str) -> None:
        """Until init has said so, which is not to come into what is typed next."""
        self.until(f"init: {program} (space ")
        self.until("\n")


@contextmanager
def shell(
    site: Site, directory: Path, programs: str = "", files: dict[str, Path] | None = None
) -> Iterator[Shell]:
    """A machine that runs ``programs`` (``redis,http``) and the shell."""
    initrd.write(directory / "initrd", PARTS.programs(), files or {})
    arguments = f"run={f'{programs},' if programs else ''}shell ip={site.network}"
    made = MachineOptions(PARTS.kernel, directory / "initrd", arguments, tap=site.tap, mac=mac(site))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "console"))
        listener.listen()
        process = site.place.popen(_on_socket(made.command()), cwd=directory, stdin=site.tap)
        try:
            listener.settimeout(BOOTS_WITHIN_S)
            console, _ = listener.accept()
            with console:
                guest = Shell(console, site)
                guest.until("@@MK READY shell@@", BOOTS_WITHIN_S)
                for name in filter(None, programs.split(",")):
                    guest.until(f"@@MK READY {name}@@", BOOTS_WITHIN_S, again=True)
                guest.until(PROMPT, again=True)
                yield guest
        finally:
            kill_session(site.place, process)


def _on_socket(command: list[str]) -> list[str]:
    """The machine starts at once, its console is a socket, and it has no other control."""
    words = [word for word in command if word != "-S"]
    at = words.index("-mon")
    del words[at - 2 : at + 2]
    return [
        word.replace("file,id=console,path=console.txt", "socket,id=console,path=console") for word in words
    ]


def mac(site: Site) -> str:
    return target._mac(site.address)


class Wire:
    """Frames from the suite's side of the bridge, as they are."""

    def __init__(self, lab: Lab, site: Site) -> None:
        with lab.place.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE_IPV4))
            self._socket.bind((lab.interface, 0))
        self.own_mac = self._socket.getsockname()[4]
        self.mac = bytes.fromhex(mac(site).replace(":", ""))
        self.source, self.destination = socket.inet_aton(lab.address), socket.inet_aton(site.address)

    def close(self) -> None:
        self._socket.close()

    def send(self, payload: bytes, kind: int = ETHERTYPE_IPV4) -> None:
        self._socket.send(self.mac + self.own_mac + struct.pack("!H", kind) + payload)

    def ip(self, protocol: int, payload: bytes, *, flags: int = 0, identification: int = 1) -> bytes:
        """A packet with this payload (RFC 791, 3.1)."""
        header = struct.pack(
            "!BBHHHBBH4s4s",
            *(0x45, 0, 20 + len(payload), identification, flags, 64, protocol, 0),
            *(self.source, self.destination),
        )
        return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload

    def segment(
        self, port: int, own: int, sequence: int, flags: int, data: bytes = b"", wrong: int = 0
    ) -> bytes:
        """A TCP segment in its packet (RFC 9293, 3.1); ``wrong`` is added to its checksum."""
        header = struct.pack("!HHIIBBHHH", own, port, sequence, 0, 0x50, flags, 8192, 0, 0)
        pseudo = self.source + self.destination + struct.pack("!HH", 6, len(header) + len(data))
        check = (checksum(pseudo + header + data) + wrong) & 0xFFFF
        return self.ip(6, header[:16] + struct.pack("!H", check) + header[18:] + data)

    def answer(self, own: int, timeout_s: float) -> bytes:
        """The next TCP segment to this port of ours; empty: none came in time."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left)[0]:
                frame = self._socket.recv(65536)
                start = 14 + (frame[14] & 15) * 4
                if (
                    frame[6:12] == self.mac
                    and frame[23] == 6
                    and frame[start + 2 : start + 4] == struct.pack("!H", own)
                ):
                    return frame[start:]
        return b""


def checksum(data: bytes) -> int:
    """RFC 1071."""
    data += bytes(len(data) % 2)
    words: tuple[int, ...] = struct.unpack(f"!{len(data) // 2}H", data)
    total = sum(words)
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
