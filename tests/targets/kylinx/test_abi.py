"""The numbers and layouts that Python uses are those that a C compiler sees in the header."""

import ctypes
import subprocess
from pathlib import Path

import pytest

from targets.kylinx import abi


def _compiled(program: str, folder: Path) -> str:
    source, made = folder / "ask.c", folder / "ask"
    source.write_text(program)
    command = ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", f"-I{abi.HEADER.parent}"]
    subprocess.run([*command, "-o", str(made), str(source)], check=True)
    return subprocess.run([made], check=True, capture_output=True, text=True).stdout


def test_every_offset_and_size(tmp_path: Path) -> None:
    lines, expected = [], []
    for name, structure in abi.STRUCTURES.items():
        lines.append(f'printf("{name} %zu\\n", sizeof(struct {name}));')
        expected.append(f"{name} {ctypes.sizeof(structure)}")
        for field, *_ in structure._fields_:
            lines.append(
                f'printf("{name}.{field} %zu %zu\\n", offsetof(struct {name}, {field}),'
                f" sizeof(((struct {name} *)0)->{field}));"
            )
            at = getattr(structure, field)
            expected.append(f"{name}.{field} {at.offset} {at.size}")
    program = '#include <stddef.h>\n#include <stdio.h>\n#include "kx_abi.h"\nint main(void)\n{\n'
    assert _compiled(program + "\n".join(lines) + "\nreturn 0;\n}\n", tmp_path).splitlines() == expected


def test_every_number(tmp_path: Path) -> None:
    assert len(abi.NUMBERS) > 80
    body = "\n".join(f'printf("{name} %llu\\n", (unsigned long long){name});' for name in abi.NUMBERS)
    program = f'#include <stdio.h>\n#include "kx_abi.h"\nint main(void)\n{{\n{body}\nreturn 0;\n}}\n'
    expected = [f"{name} {value}" for name, value in abi.NUMBERS.items()]
    assert _compiled(program, tmp_path).splitlines() == expected


def test_no_field_is_forgotten(tmp_path: Path) -> None:
    """Packed without padding, the C fields fill each structure, so one that Python lacks would show."""
    for name, structure in abi.STRUCTURES.items():
        covered = sum(getattr(structure, field).size for field, *_ in structure._fields_)
        assert covered == ctypes.sizeof(structure), name


def test_names() -> None:
    assert abi.KX_PAGE == 4096
    assert abi.read_numbers("#define KX_A 0x10 /* x */\n#define KX_B(x) 1\n#define KX_C other\n") == {
        "KX_A": 16
    }
    with pytest.raises(AttributeError, match="KX_NO_SUCH"):
        _ = abi.KX_NO_SUCH
