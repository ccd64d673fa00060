"""What a shipper does with what a receiver answers, or does not."""

import fcntl
import json
import random
import threading
from collections import Counter
from pathlib import Path

import pytest

from smile_trace.records import Span
from smile_trace.records.formats.otlp import spans_from_line
from smile_trace.ship import client
from smile_trace.ship.client import Client, Unavailable
from smile_trace.ship.settings import Ship, read_settings
from smile_trace.ship.shipper import Shipper
from smile_trace.spool import Spool
from smile_trace.worker.lock import AnotherWorker, check_health, worker_lock
from smile_trace_contracts.fake_http_server import Answer, Fault
from tests.support.comet_certificates import self_signed
from tests.support.hostile_server import Attack, HostileServer
from tests.support.otlp_json import spans_to_otlp
from tests.support.receiver_process import Receiver, receiving
from tests.support.shipper_process import ShipperProcess
from tests.support.shipping import Receiving, shipping
from tests.support.spooled import call_span, line, trace_id, write_spool
from tests.support.worker_settings import wait_for


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_SECONDS", 0.01)


def ids(*numbers: int) -> set[str]:
    return {trace_id(number) for number in numbers}


def captured(span: Span) -> bytes:
    """A line as capture writes it, without its newline."""
    return json.dumps(spans_to_otlp([span]), separators=(",", ":")).encode()


FAULTS = {
    "429": [Fault("answer", Answer(429, {"message": "later"}, {"Retry-After": "0"}), times=2)],
    "503": [Fault("answer", Answer(503, {}), times=3)],
    "500": [Fault("answer", Answer(500, b"<html>"), times=2)],
    "wrong token": [Fault("answer", Answer(401, {"message": "the token is wrong"}), times=2)],
    "wrong address": [Fault("answer", Answer(404, {}), times=2)],
    **{
        f"{status} {name}": [Fault("answer", Answer(status, text), times=1, takes_effect=True)]
        for status in (200, 502)
        for name, text in {
            "1e400": b'{"partialSuccess": {"rejectedSpans": 1e400}, "message": 1e400}',
            "deep": b'{"partialSuccess":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
            "digits": b'{"partialSuccess": {"rejectedSpans": ' + b"9" * 20_000 + b"}}",
            "negative": b'{"partialSuccess": {"rejectedSpans": -1}}',
            "list": b'[{"partialSuccess": {}}]',
        }.items()
    },
    "broken": [Fault("close", times=2)],
    "answer lost": [Fault("close", times=1, takes_effect=True)],
    "everything refused": [Fault("answer", Answer(400, b"HTTP to an HTTPS port"), times=6)],
    "silent": [Fault("hang", times=1, seconds=2, takes_effect=True)],
}


@pytest.mark.parametrize("case", FAULTS)
def test_everything_arrives_once_the_receiver_takes_it(case: str, tmp_path: Path) -> None:
    write_spool(tmp_path / "spool", [call_span(n) for n in range(1, 6)])
    with Receiving() as server:
        server.faults += FAULTS[case]
        shipping(tmp_path, server.url, timeout_seconds=0.5).send_all()
        assert server.traces.keys() == ids(*range(1, 6))
    assert not [*(tmp_path / "spool").glob("*.jsonl")]
    assert not (tmp_path / "refused.jsonl").exists()


def test_an_asked_wait_is_at_least_as_long_and_bounded() -> None:
    backoff = client.Backoff(random.Random(0))
    assert backoff.seconds(30.0) == 30.0
    assert backoff.seconds(1e9) == client.LONGEST_ASKED_SECONDS
    waits = [backoff.seconds(None) for _ in range(20)]
    assert client.LONGEST_SECONDS / 2 <= waits[-1] <= client.LONGEST_SECONDS
    backoff.reset()
    assert backoff.seconds(None) <= client.FIRST_SECONDS


def refused(home: Path) -> list[dict[str, object]]:
    return [json.loads(entry) for entry in (home / "refused.jsonl").read_bytes().splitlines()]


def test_what_cannot_be_read_is_kept_aside_and_all_else_arrives(tmp_path: Path) -> None:
    host = tmp_path / "host"
    path = write_spool(host / "spool", [call_span(n) for n in range(1, 8)])
    torn = captured(call_span(8))[:-40] + b"]}"
    wrong = captured(call_span(9)).replace(b'"traceId"', b'"nothing"')
    with path.open("ab") as stream:
        stream.write(b"\n".join([torn, wrong, b"no JSON", b"   ", captured(call_span(10)), b""]))
        stream.write(b'{"resourceSpans":[')
    with receiving(tmp_path / "central") as receiver:
        shipping(host, receiver.address).send_all()
        arrived = {span.trace_id for one in receiver.spooled() for span in spans_from_line(one)}
    assert arrived == ids(*range(1, 8), 10)
    kept = {str(entry["line"]): str(entry["reason"]) for entry in refused(host)}
    assert kept.keys() == {torn.decode(), wrong.decode(), "no JSON", '{"resourceSpans":['}
    assert kept[torn.decode()].startswith("400 ")
    assert "traceId is not 32 hex digits" in kept[wrong.decode()]
    assert not [*(host / "spool").glob("*.jsonl")]


@pytest.mark.slow
def test_a_request_that_is_too_large_is_halved(tmp_path: Path) -> None:
    host = tmp_path / "host"
    long = "word " * 20_000
    write_spool(host / "spool", [call_span(n, prompt=long) for n in range(1, 5)])
    write_spool(host / "spool", [call_span(9, prompt=4 * long), call_span(10)])
    with receiving(tmp_path / "central", max_body_mb="0.3") as receiver:
        shipping(host, receiver.address).send_all()
        arrived = {span.trace_id for one in receiver.spooled() for span in spans_from_line(one)}
    assert arrived == ids(1, 2, 3, 4, 10)
    [entry] = refused(host)
    assert str(entry["reason"]).startswith("413 ")


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    path = write_spool(tmp_path / "spool", [call_span(1)])
    with path.open("rb") as writer, Receiving() as server:
        fcntl.flock(writer, fcntl.LOCK_EX)  # its writer is alive
        shipping(tmp_path, server.url).send_all()
        with path.open("ab") as stream:
            stream.write(line(call_span(2))[:50])
        shipping(tmp_path, server.url).send_all()
        assert server.traces == Counter(ids(1)), "half a line waits for its rest"
        with path.open("ab") as stream:
            stream.write(line(call_span(2))[50:])
        shipping(tmp_path, server.url).send_all()
        assert server.traces == Counter(ids(1, 2))
        (tmp_path / "ship.json").write_text("nonsense")
        shipping(tmp_path, server.url).send_all()
        assert server.traces == {trace_id(1): 2, trace_id(2): 2}, "all of it, once more"
        assert path.exists()
    with Receiving() as server:
        shipping(tmp_path, server.url).send_all()
    assert not path.exists()
    assert json.loads((tmp_path / "ship.json").read_text())["files"] == {}


def test_a_file_that_capture_begins_is_not_taken_for_a_finished_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock
    with Receiving() as server:
        shipper = shipping(tmp_path, server.url)

        def late(descriptor: int, operation: int) -> None:
            if operation & fcntl.LOCK_EX:
                shipper.send_all()  # at the worst moment: the file is there, and not locked yet
            lock(descriptor, operation)

        monkeypatch.setattr(fcntl, "flock", late)
        spool = Spool(tmp_path / "spool", file_limit=20_000, spool_limit=100_000)
        assert spool.write(line(call_span(1)).rstrip())
        spool.close()
        shipper.send_all()
        assert server.traces.keys() == ids(1)


def test_a_day_without_the_receiver_ends_at_the_spools_limit(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", file_limit=20_000, spool_limit=100_000)
    kept = [n for n in range(1, 400) if spool.write(line(call_span(n)).rstrip())]
    lost = spool.losses.by_reason.total()
    spool.close()
    assert kept == list(range(1, len(kept) + 1)), "the newest are dropped, and counted"
    assert lost == 399 - len(kept) > 0
    with Receiving() as server:
        shipping(tmp_path, server.url).send_all()
        assert list(server.traces) == [trace_id(n) for n in kept], "in the order of the calls"
    spool = Spool(tmp_path / "spool", file_limit=20_000, spool_limit=100_000)
    assert spool.write(line(call_span(400)).rstrip()), "there is room again"


def test_it_reads_a_spool_alone(tmp_path: Path) -> None:
    with worker_lock(tmp_path), pytest.raises(AnotherWorker, match="a worker runs on"):
        worker_lock(tmp_path, "shipper").__enter__()
    with worker_lock(tmp_path, "shipper"):
        assert check_health(tmp_path) == f"a shipper runs on {tmp_path}"
        with pytest.raises(AnotherWorker, match="a shipper runs on"):
            worker_lock(tmp_path).__enter__()
        with pytest.raises(AnotherWorker, match="another shipper runs on"):
            worker_lock(tmp_path, "shipper").__enter__()


@pytest.mark.slow
def test_a_stop_sends_what_is_there(tmp_path: Path) -> None:
    with Receiving() as server:
        shipper = ShipperProcess(tmp_path, server.url, poll_seconds="600")
        try:
            shipper.start()
            wait_for(lambda: (tmp_path / "worker.lock").exists())
            wait_for(lambda: check_lock(tmp_path))
            write_spool(tmp_path / "spool", [call_span(1)])
            assert shipper.stop() == 0, shipper.said()
        finally:
            shipper.close()
        assert server.traces.keys() == ids(1)


def check_lock(home: Path) -> bool:
    return (home / "worker.lock").read_bytes() == b"shipper"


@pytest.mark.slow
def test_a_stop_does_not_wait_for_ever(tmp_path: Path) -> None:
    write_spool(tmp_path / "spool", [call_span(1)])
    shipper = ShipperProcess(tmp_path, "http://127.0.0.1:9", drain_seconds="0.2")
    try:
        shipper.start()
        wait_for(lambda: "cannot be reached" in shipper.said())
        assert shipper.stop() == 0, shipper.said()
    finally:
        shipper.close()
    assert "are not sent yet, and wait here" in shipper.said()
    assert len(shipper.spooled()) == 1


@pytest.mark.parametrize("attack", ["drip", "drip_header"])
def test_an_answer_that_drips_has_a_deadline(attack: Attack, tmp_path: Path) -> None:
    with HostileServer(attack) as server:
        settings = Ship(home=tmp_path, url=server.url, timeout_seconds=0.5)
        with pytest.raises(Unavailable, match="no whole answer in time"):
            Client(settings).send("traces", b"{}")


def test_tls_and_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    self_signed(tmp_path)
    cert, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    host = tmp_path / "host"
    write_spool(host / "spool", [call_span(1)])
    monkeypatch.chdir(host)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(host))
    monkeypatch.setenv("SHIP_TOKEN", "a token of the test")
    receiver = Receiver(tmp_path / "central", cert=cert, key=key, token_env="RECEIVER_TOKEN")
    try:
        receiver.start(RECEIVER_TOKEN="a token of the test")
        url = receiver.address.replace("http:", "https:")
        unknown = read_settings(url=url, token_env="SHIP_TOKEN")
        with pytest.raises(Unavailable, match="certificate verify failed"):
            Client(unknown).send("traces", b"{}")
        with pytest.raises(Unavailable, match="the token is missing or wrong"):
            Client(read_settings(url=url, ca_file=cert)).send("traces", b"{}")
        settings = read_settings(url=url, token_env="SHIP_TOKEN", ca_file=cert)
        Shipper(settings, Client(settings), threading.Event(), lambda: None).send_all()
        assert len(receiver.spooled()) == 1
    finally:
        receiver.close()
