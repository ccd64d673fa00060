"""Files of OTLP/JSON that a Collector writes are read as they grow, rotate and are compressed."""

import gzip
import itertools
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from backports import zstd

from smile_trace.settings import Settings, SettingsError
from smile_trace.sources import files
from smile_trace.store import Store, StoreUnavailable
from smile_trace.store.arrivals import Added, SpoolBatch
from smile_trace.worker import ingest as reading
from smile_trace.worker.ingest import Ingest, Ingested
from tests.support.spooled import call_span, context_span, line, span_id, trace_id
from tests.support.stores import store as store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "collector"
    made.mkdir()
    return made


@pytest.fixture
def settings(tmp_path: Path, folder: Path) -> Settings:
    (tmp_path / "home").mkdir(mode=0o700)
    return Settings(home=tmp_path / "home", sources={"files": {"paths": [str(folder / "traces*")]}})


@pytest.fixture
def ingest(store: Store, settings: Settings) -> Ingest:
    return Ingest(store, settings)


def lines(*numbers: int) -> bytes:
    return b"".join(line(call_span(number)) for number in numbers)


def framed(text: bytes) -> bytes:
    """As the exporter's own `compression: zstd` writes lines."""
    frames = [zstd.compress(one) for one in text.splitlines()]
    return b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)


def gzip_members(text: bytes) -> bytes:
    first, rest = text.split(b"\n", 1)
    return gzip.compress(first + b"\n") + gzip.compress(rest)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "gzip in two members": gzip_members,
    "zstd": zstd.compress,
    "zstd, a frame per line": framed,
}
NUMBERS = {form: range(100 * n, 100 * n + 30) for n, form in enumerate(PACKED, 1)}
ALL = sum(map(len, NUMBERS.values()))


def in_every_form(folder: Path) -> dict[Path, bytes]:
    """What files of 30 lines each hold, by where they are to lie."""
    return {folder / f"traces-{form}": pack(lines(*NUMBERS[form])) for form, pack in PACKED.items()}


def test_a_dropped_file_is_read_once_and_left_as_it_is(
    folder: Path, store: Store, ingest: Ingest, settings: Settings
) -> None:
    files = in_every_form(folder)
    for path, packed in files.items():
        path.write_bytes(packed)
    assert ingest.run() == Ingested(spans=ALL, traces=ALL)
    assert ingest.run() == Ingested()
    assert Ingest(store, settings).run() == Ingested(), "nor after a restart"
    assert {path: path.read_bytes() for path in files} == files
    assert store.status().captured == ALL


def test_a_file_that_is_still_being_written_is_read_on(
    folder: Path, store: Store, ingest: Ingest
) -> None:
    files = in_every_form(folder)
    for part in (0.01, 0.33, 0.5, 0.99, 1.0):
        for path, whole in files.items():
            with path.open("ab") as stream:
                stream.write(whole[path.stat().st_size : int(part * len(whole))])
        assert ingest.run().corrupt == 0
    assert store.status().captured == ALL
    assert store.status().corrupt_lines == 0


def test_a_rotated_file_is_read_to_its_end_and_nothing_is_there_twice(
    folder: Path, store: Store, ingest: Ingest
) -> None:
    path = folder / "traces.json"
    path.write_bytes(lines(1, 2))
    ingest.run()
    with path.open("ab") as stream:
        stream.write(lines(3))
    path.rename(folder / "traces-2026-11-26T22-00-00.000.json")
    path.write_bytes(lines(4))
    ingest.run()
    (folder / "traces-2026-11-26T22-00-00.000.json").unlink()
    (folder / "traces-2026.json.gz").write_bytes(gzip.compress(lines(1, 2, 3)))
    ingest.run()
    assert store.status().captured == 4


def test_a_file_that_is_cut_short_is_read_anew(folder: Path, store: Store, ingest: Ingest) -> None:
    path = folder / "traces.json"
    path.write_bytes(lines(1, 2, 3))
    ingest.run()
    os.truncate(path, 0)
    with path.open("ab") as stream:
        stream.write(lines(4))
    ingest.run()
    assert store.status().captured == 4


def test_the_last_line_needs_no_newline(folder: Path, ingest: Ingest) -> None:
    (folder / "traces.json").write_bytes(lines(1, 2).rstrip(b"\n"))
    assert ingest.run().spans == 2


def test_a_trace_without_its_root_ends_when_its_file_is_gone(
    folder: Path, store: Store, ingest: Ingest
) -> None:
    path = folder / "traces.json"
    path.write_bytes(line(call_span(1, parent=span_id(9))))
    assert ingest.run().traces == 0
    path.unlink()
    assert ingest.run().traces == 1
    assert store.trace(trace_id(1)).root_missing
    path.write_bytes(line(context_span(1)))
    assert ingest.run().traces == 1
    assert not store.trace(trace_id(1)).root_missing


DAMAGED = {
    "gzip, its checksum": gzip.compress(lines(1))[:-8] + bytes(8),
    "zstd, its checksum": zstd.compress(
        lines(1), options={zstd.CompressionParameter.checksum_flag: 1}
    )[:-4]
    + bytes(4),
    "no zstd at all": b"\x28\xb5\x2f\xfd" + b"\xff" * 99,
    "protobuf": b"\x00\x00\x01\x00\x0a\x10" + b"x" * 300,
    "an endless frame": b"\xff\xff\xff\xff\x28\xb5\x2f\xfd",
}


@pytest.mark.parametrize(
    ("at_once", "away"), [(1, 1), (2**20, 0)], ids=["amid a file", "at the end"]
)
def test_what_a_store_does_not_take_is_read_again(
    at_once: int,
    away: int,
    folder: Path,
    store: Store,
    ingest: Ingest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for path, packed in in_every_form(folder).items():
        path.write_bytes(packed)
    monkeypatch.setattr(files, "read_batches", partial(files.read_batches, size=10_000))
    monkeypatch.setattr(reading, "BATCH_BYTES", at_once)
    add_many, asked = store.traces.add_many, itertools.count()

    def away_at_times(batches: Sequence[SpoolBatch]) -> Added:
        if next(asked) % 3 == away:
            raise StoreUnavailable("the store is away")
        return add_many(batches)

    monkeypatch.setattr(store.traces, "add_many", away_at_times)
    with pytest.raises(StoreUnavailable):
        ingest.run()
    for _ in range(20):
        with suppress(StoreUnavailable):
            ingest.run()
    assert store.status().captured == ALL
    assert store.status().corrupt_lines == 0


def test_a_damaged_file_is_said_once_and_the_others_are_read(
    folder: Path, store: Store, ingest: Ingest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for number, damaged in enumerate(DAMAGED.values()):
        (folder / f"traces-{number}").write_bytes(damaged)
    (folder / "traces-good").write_bytes(lines(2001))
    ingest.run()
    ingest.run()
    said = [one.getMessage() for one in caplog.records if "is not read" in one.getMessage()]
    assert len(said) == len(DAMAGED)
    assert all(any(f"traces-{n} " in one for one in said) for n in range(len(DAMAGED))), said
    assert store.status().corrupt_lines >= len(DAMAGED)
    assert store.trace(trace_id(2001)).calls


def test_what_unpacks_beyond_all_bounds_is_left(
    folder: Path, store: Store, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smile_trace.sources.files.MAX_UNPACKED", 2**20)
    (folder / "traces.gz").write_bytes(gzip.compress(lines(1) + b"\n" * 2**21))
    ingest.run()
    assert store.status().corrupt_lines == 1


def test_links_are_not_followed(
    folder: Path, tmp_path: Path, ingest: Ingest, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "elsewhere").write_bytes(lines(1))
    (folder / "traces.json").symlink_to(tmp_path / "elsewhere")
    assert ingest.run() == Ingested()
    assert "is a symbolic link" in caplog.text


def test_relative_paths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="write an absolute path in place of 'traces"):
        Settings(home=tmp_path, sources={"files": {"paths": ["traces/*.json"]}})
