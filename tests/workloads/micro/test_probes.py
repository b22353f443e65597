"""Our USDT probes: which a binary has, and that 23 measured iterations fire each 23 times."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from probes.headers import resolve
from probes.program import load_bcc
from tests.workloads.micro.running import IPC_WAYS, PRIME, measure
from vocabulary import UnsupportedError
from workloads.micro.building import BUILD, NAMES

IPC = {"ipc_send", "ipc_recv"}
EXPECTED: dict[str, set[str]] = {
    "fork": {"fork_begin", "fork_parent", "fork_child", "fork_reaped"},
    "dlopen": {"lib_open_begin", "lib_open_end", "lib_call_end"},
    "update": {"lib_update_begin", "lib_update_end"},
    "exitwait": IPC,
    **dict.fromkeys(IPC_WAYS, IPC),
}


@pytest.mark.parametrize("program", NAMES)
def test_notes(program: str) -> None:
    if not shutil.which("readelf"):
        pytest.skip("readelf is not installed: apt install binutils")
    notes = subprocess.run(
        ["readelf", "-nW", BUILD / program], capture_output=True, text=True, check=True
    ).stdout
    found = re.findall(r"Provider: (\S+)\s+Name: (\S+)\s.*?Semaphore: (\S+)\s+Arguments: (\S+)", notes, re.S)
    assert {name for _, name, _, _ in found} == EXPECTED.get(program, set())
    for provider, _, semaphore, arguments in found:
        assert provider == "kxbench"
        assert int(semaphore, 16) == 0
        assert re.fullmatch(r"8@(%\w+|\$-?\d+)", arguments)  # one register or constant, unsigned, 64 bits


@pytest.mark.root
@pytest.mark.bcc
def test_23_in_23_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    try:
        bcc, headers = load_bcc(), resolve()
    except UnsupportedError as error:
        pytest.skip(str(error))
    if headers.source:
        monkeypatch.setenv("BCC_KERNEL_SOURCE", str(headers.source))
    text = "BPF_ARRAY(fired, u64, 64);\n"
    contexts: list[Any] = []
    index: dict[tuple[str, str], int] = {}
    for program, names in sorted(EXPECTED.items()):
        own = shutil.copy(BUILD / program, tmp_path)  # nobody else's processes fire a copy's probes
        contexts.append(bcc.USDT(path=str(own)))
        for name in sorted(names):
            function = f"on_{program}_{name}"
            text += f"int {function}(void *c) {{ fired.atomic_increment({len(index)}); return 0; }}\n"
            index[program, name] = len(index)
            contexts[-1].enable_probe(probe=name, fn_name=function)
    bpf = bcc.BPF(text=text.encode(), usdt_contexts=contexts, cflags=list(headers.cflags))
    try:
        for program in EXPECTED:
            more = ("--libraries", 1) if program == "dlopen" else ()
            measure(program, "--iterations", PRIME, "--budget-ms", 0, *more, folder=tmp_path)
        counts = {key: bpf[b"fired"][at].value for key, at in index.items()}
    finally:
        bpf.cleanup()
    assert counts == dict.fromkeys(index, PRIME)
