"""Requests to the receiver: protobuf and JSON, traces and logs, gzip and deflate."""

import gzip
import json
import zlib

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.records.formats.otlp import read_line
from smile_trace.sources.receiver import json_requests, protobuf
from smile_trace.sources.receiver.bodies import CannotUnpack, TooLarge, unpack
from tests.support.hostile import recorded_lines
from tests.support.otlp_requests import recorded_requests, request_of, to_protobuf
from tests.support.readers.base import ForeignReader

READS = (
    protobuf.read_traces,
    protobuf.read_logs,
    json_requests.read_traces,
    json_requests.read_logs,
)
LIMIT = 2**20


def read_requests(data: bytes) -> int:
    """Whatever is answered with 200 can be read afterwards: the number of lines."""
    total = 0
    for read in READS:
        try:
            received = read(data)
        except ForeignDataError:
            continue
        assert bool(received.rejected) == bool(received.reason)
        for line in received.text.splitlines():
            spans, errors = read_line(line)
            assert not errors
            assert spans or b'"resourceLogs"' in line
            total += 1
    for encoding in ("gzip", "deflate"):
        try:
            assert len(unpack(data, encoding, LIMIT)) <= LIMIT
        except (TooLarge, CannotUnpack):
            continue
    return total


def _seeds() -> list[bytes]:
    logs = [one for one in recorded_lines() if b'"resourceLogs"' in one]
    record = {"traceId": "1" * 32, "eventName": "gen_ai.choice", "body": {"stringValue": "yes"}}
    logs.append(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode())
    texts = [*recorded_requests(), *logs]
    some = request_of(1, 2)
    packed = [gzip.compress(some), zlib.compress(some), gzip.compress(bytes(2**21))]
    return [*texts, *(to_protobuf(json.loads(text)) for text in texts), *packed]


RECEIVED_REQUESTS = ForeignReader("received requests", read_requests, _seeds)
