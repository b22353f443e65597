"""This machine as it is: its loopback, its free ports, itself as a Place without namespace or cgroup."""

import random
import socket
import subprocess
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any

HOST = "127.0.0.1"
# of nsd for the zone in kxbench.test.zone, as whoever we are: root and port
NSD_CONFIG = """server:
  ip-address: 127.0.0.1@{port}
  server-count: 1
  username: ""
  database: ""
  rrl-ratelimit: 0
  zonesdir: "{root}"
  zonelistfile: "{root}/zone.list"
  xfrdfile: "{root}/xfrd.state"
  xfrdir: "{root}"
  pidfile: "{root}/pid"
  logfile: "{root}/log"
remote-control:
  control-enable: no
zone:
  name: "kxbench.test"
  zonefile: "kxbench.test.zone"
"""


def free_port() -> int:
    """A port that is free for TCP and UDP and below those that the kernel gives to clients."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, suppress(OSError):
            tcp.bind((HOST, port))
            udp.bind((HOST, port))
            return port


class LocalPlace:
    """A Place without a namespace or cgroup: enough to start a program in."""

    netns = ""
    cgroup = Path("/sys/fs/cgroup")
    cgroup_id = 1

    def popen(
        self,
        argv: Sequence[str | Path],
        *,
        cpus: Collection[int] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: int | IO[Any] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
    ) -> "subprocess.Popen[bytes]":
        pin = ["taskset", "-c", ",".join(map(str, sorted(cpus)))] if cpus else []
        words = [*pin, *map(str, argv)]
        return subprocess.Popen(words, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr)

    def entered(self) -> AbstractContextManager[None]:
        return nullcontext()

    def pids(self) -> list[int]:
        return []
