"""The same seed gives the same bytes, another seed others; half a data set is never seen."""

import hashlib
import json
import threading
from pathlib import Path

import dns.zone
import pytest

from vocabulary import HostError
from workloads.dns_load.zone import FILE, ORIGIN, zone
from workloads.http_load.pages import MODIFIED_S, SIZES, name_of, page, pages
from workloads.redis_load.dataset import key, key_set, record_bytes
from workloads.services.datasets import cached, seeded_bytes


def test_key_set_of_a_seed_is_always_the_same(tmp_path: Path) -> None:
    one = key_set(tmp_path / "a", 7, 1000, 33)
    again = key_set(tmp_path / "b", 7, 1000, 33)
    other = key_set(tmp_path / "a", 8, 1000, 33)
    assert one.file.read_bytes() == again.file.read_bytes()
    assert one.file.read_bytes() != other.file.read_bytes()
    assert one.file.stat().st_size == 1000 * record_bytes(33)


def test_key_set_is_pinned_to_its_first_bytes(tmp_path: Path) -> None:
    """A change of the stream would make new runs differ from old ones: then FORMAT must be raised."""
    digest = hashlib.sha256(key_set(tmp_path, 1, 100, 64).file.read_bytes()).hexdigest()
    assert digest.startswith("7e2dce4d519a5e88")


def test_key_set_is_well_formed_resp(tmp_path: Path) -> None:
    keys = 70_000  # over one batch of the encoder
    data = key_set(tmp_path, 3, keys, 5)
    content = data.file.read_bytes()
    for index in (0, 1, 65_535, 65_536, keys - 1):
        record = content[index * data.record_bytes : (index + 1) * data.record_bytes]
        assert record == (
            b"*3\r\n$3\r\nSET\r\n$16\r\n" + key(index) + b"\r\n$5\r\n" + data.value(index) + b"\r\n"
        )
    with pytest.raises(IndexError):
        data.value(keys)


def test_no_keys_is_an_empty_file(tmp_path: Path) -> None:
    assert key_set(tmp_path, 1, 0, 64).file.read_bytes() == b""


def test_pages_have_their_sizes_hashes_and_times(tmp_path: Path) -> None:
    made = pages(tmp_path, 1)
    for size in SIZES:
        path = made.root / name_of(size)
        assert path.stat().st_size == size
        assert int(path.stat().st_mtime) == MODIFIED_S
        assert hashlib.sha256(path.read_bytes()).hexdigest() == made.hashes[size]
        assert page(1, size) == path.read_bytes() != page(2, size)
    assert sorted(p.name for p in made.root.iterdir()) == sorted(map(name_of, SIZES))


def test_zone_of_a_seed_is_always_the_same(tmp_path: Path) -> None:
    one, again, other = (
        zone(tmp_path / "a", 1, 500),
        zone(tmp_path / "b", 1, 500),
        zone(tmp_path / "a", 2, 500),
    )
    text = (one.directory / FILE).read_bytes()
    assert text == (again.directory / FILE).read_bytes()
    assert text != (other.directory / FILE).read_bytes()
    assert hashlib.sha256(text).hexdigest().startswith("6a304ea151f1aa50")


def test_zone_file_holds_exactly_the_expected_records(tmp_path: Path) -> None:
    """By dnspython's parser, which shares nothing with our writer."""
    made = zone(tmp_path, 1, 10_000)
    parsed = dns.zone.from_file(str(made.directory / FILE), ORIGIN, relativize=False)
    there = {(name.to_text(), data.rdtype.name): len(data) for name, data in parsed.iterate_rdatasets()}
    assert there == {where: len(data) for where, data in made.records.items()}
    assert len(made.names) == 10_000 and len(set(made.names)) == 10_000
    assert {kind for _, kind in made.records} >= {
        *("A", "AAAA", "MX", "TXT", "CNAME", "SRV", "PTR", "NS", "SOA"),
        *("CAA", "HINFO", "NAPTR", "SSHFP", "TLSA"),
    }


def test_data_set_is_made_once(tmp_path: Path) -> None:
    first = pages(tmp_path, 1)
    before = (first.root / name_of(612)).stat()
    assert (pages(tmp_path, 1).root / name_of(612)).stat().st_ino == before.st_ino


def test_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def build(directory: Path) -> None:
        (directory / "half").write_text("half")
        raise RuntimeError("killed half-way")

    with pytest.raises(RuntimeError):
        cached(tmp_path, "kind", {"seed": 1}, build)
    assert list(tmp_path.iterdir()) == []


def test_two_builders_at_once_end_with_one_whole_data_set(tmp_path: Path) -> None:
    barrier, found, errors = threading.Barrier(4), [], []

    def build(directory: Path) -> None:
        barrier.wait(10)  # all four are past the look into the cache
        (directory / "data").write_text("whole")

    def go() -> None:
        try:
            found.append(cached(tmp_path, "kind", {"seed": 1}, build))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(set(found)) == 1 and (found[0] / "data").read_text() == "whole"
    assert list(tmp_path.iterdir()) == [found[0]]


def test_unwritable_cache_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(HostError, match="could not be written"):
        pages(tmp_path / "file", 1)


def test_data_sets_can_be_read_by_servers_without_root(tmp_path: Path) -> None:
    made = pages(tmp_path, 1)
    assert made.root.stat().st_mode & 0o555 == 0o555
    assert (made.root / name_of(612)).stat().st_mode & 0o444 == 0o444


def test_seeded_bytes_depend_on_every_part_of_the_key() -> None:
    assert seeded_bytes(13, 1, 2) == seeded_bytes(13, 1, 2)
    assert len({seeded_bytes(13, *k) for k in ((1, 2), (2, 1), (1,), (1, 3))}) == 4
    assert len(seeded_bytes(13, 1)) == 13 and seeded_bytes(0, 1) == b""


def test_manifest_states_the_sizes(tmp_path: Path) -> None:
    data = key_set(tmp_path, 5, 10, 20)
    told = json.loads((data.file.parent / "manifest.json").read_text())
    assert told == {"seed": 5, "keys": 10, "key_bytes": 16, "value_bytes": 20}
