"""The tap of a site: on the suite's bridge, a machine's to use by descriptor, gone with the site."""

import os
import select
import socket
import struct
from pathlib import Path

import pytest

from targets.lab import Lab, Site
from targets.microkernel import target
from targets.microkernel.qemu import MachineOptions, running
from targets.process import serving
from targets.process.console import Console
from tests.targets.microkernel.conftest import Deploy, Guest
from vocabulary import Service, ServiceKind, TargetError

pytestmark = pytest.mark.root
HEADER_BYTES = 10  # struct virtio_net_hdr, as a tap has it unless told otherwise
MAC = bytes.fromhex("525400000001")
ARP, IPV4 = 0x0806, 0x0800


def frame(site: Site, kind: int) -> bytes:
    """The next frame of a kind that the bridge sends to the tap, without its virtio_net_hdr."""
    assert site.tap is not None
    while True:
        assert select.select([site.tap], [], [], 60)[0]
        found = os.read(site.tap, 65536)[HEADER_BYTES:]
        if struct.unpack("!H", found[12:14])[0] == kind:
            return found


def answer_arp(site: Site, request: bytes) -> None:
    """As a machine with ``MAC`` and the site's address would (RFC 826)."""
    assert site.tap is not None
    asker, wanted = request[22:32], request[38:42]
    assert socket.inet_ntoa(wanted) == site.address
    reply = asker[:6] + MAC + struct.pack("!HHHBBH", ARP, 1, IPV4, 6, 4, 2) + MAC + wanted + asker
    os.write(site.tap, bytes(HEADER_BYTES) + reply)


def test_frames_to_and_from_the_suite(lab: Lab, site: Site) -> None:
    with lab.place.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"a question", (site.address, 53))
        answer_arp(site, frame(site, ARP))
        client.sendto(b"a question", (site.address, 53))  # of an answer that was late the first is dropped
        sent = frame(site, IPV4)
        assert sent[:6] == MAC
        assert sent.endswith(b"a question")
        assert socket.if_nametoindex(site.interface)
    with site.place.entered():
        assert [name for _, name in socket.if_nameindex()] == ["lo"]


def test_it_is_gone_with_the_site(lab: Lab) -> None:
    with lab.site("brief", tap=True) as site:
        assert site.tap is not None
        interface = site.interface
    with lab.place.entered(), pytest.raises(OSError, match="no interface"):
        socket.if_nametoindex(interface)


def test_sites_have_taps_of_their_own(lab: Lab, site: Site) -> None:
    with lab.site("second", tap=True) as other:
        assert other.tap != site.tap
        assert other.address != site.address
        assert other.interface != site.interface
        assert target._mac(other.address) != target._mac(site.address)


def test_a_machine_has_it_as_its_card(site: Site, guest: Guest, tmp_path: Path) -> None:
    parts = guest("mk: a stand-in\n", "WAIT")
    mac = target._mac(site.address)
    assert mac.startswith("52:54:00:cb:") and len(mac) == 17
    (tmp_path / "initrd").touch()
    made = MachineOptions(parts.kernel, tmp_path / "initrd", "run=x", tap=site.tap, mac=mac)
    with running(made, site.place, tmp_path, Console(tmp_path / "console")) as machine:
        told = machine.control.execute("human-monitor-command", {"command-line": "info network"})
        assert "type=tap" in told
        assert mac in told


def test_a_service_that_says_it_is_ready_and_does_not_answer(
    site: Site, guest: Guest, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "READY_WITHIN_S", 0.3)
    deployment = deploy(guest("mk: a stand-in\n@@MK READY redis@@\n", "WAIT"))
    with (
        pytest.raises(TargetError, match=r"the guest's redis server does not answer within 0\.3 s") as caught,
        deployment.serve(Service(ServiceKind.REDIS)),
    ):
        pass
    assert "a stand-in" in caught.value.console
    assert site.place.pids() == []
