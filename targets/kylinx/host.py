"""What KylinX needs of this host's KVM, tried rather than read off flags."""

import fcntl
import os
import platform
from contextlib import ExitStack
from pathlib import Path

KVM = Path("/dev/kvm")
_GET_API_VERSION, _CREATE_VM, _CHECK_EXTENSION = 0xAE00, 0xAE01, 0xAE03  # linux/kvm.h
_API_VERSION = 12
# KVM_CAP_* by number in linux/kvm.h
_NEEDED = {3: "USER_MEMORY", 16: "SYNC_MMU", 55: "XSAVE", 56: "XCRS", 74: "SYNC_REGS", 136: "IMMEDIATE_EXIT"}
_REMEDY = "enable virtualisation in the firmware, or nested KVM on the host; modprobe kvm-intel or kvm-amd"


def missing() -> str:
    """Why pVMs cannot run here, with the remedy; empty when they can."""
    if platform.machine() != "x86_64":
        return f"KylinX runs on x86-64 only, this is {platform.machine()}; use another machine"
    try:
        with ExitStack() as stack:
            kvm = os.open(KVM, os.O_RDWR | os.O_CLOEXEC)
            stack.callback(os.close, kvm)
            version = fcntl.ioctl(kvm, _GET_API_VERSION, 0)
            if version != _API_VERSION:
                return f"KVM has API version {version}, not {_API_VERSION}; use a newer kernel"
            lacking = [
                name for number, name in _NEEDED.items() if fcntl.ioctl(kvm, _CHECK_EXTENSION, number) <= 0
            ]
            if lacking:
                return f"KVM lacks {', '.join(f'KVM_CAP_{name}' for name in lacking)}; use a newer kernel"
            stack.callback(os.close, fcntl.ioctl(kvm, _CREATE_VM, 0))
    except FileNotFoundError:
        return f"there is no {KVM}; {_REMEDY}"
    except PermissionError:
        return f"{KVM} may not be used; run as root, or be given access to it"
    except OSError as error:
        return f"KVM makes no VM ({error.strerror}); {_REMEDY}"
    return ""
