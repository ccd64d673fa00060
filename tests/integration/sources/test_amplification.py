"""What one request makes of spool, memory and time, with the worst shapes that are known."""

import gzip
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.peak_memory import peak_megabytes
from tests.support.receiver_process import JSON, PROTOBUF, Receiver, post, receiving

TIMES_SPOOL, TIMES_MEMORY, FREE_MEGABYTES = 3, 20, 64
BLOCKED_NS = 100_000_000


def field(number: int, content: bytes) -> bytes:
    """A text or message of protobuf."""
    head = b""
    for value in (number << 3 | 2, len(content)):
        while value > 127:
            head, value = head + bytes([value & 127 | 128]), value >> 7
        head += bytes([value])
    return head + content


IDS = field(1, bytes(range(1, 17))) + field(2, bytes(range(1, 9)))
LARGE = field(1, field(1, b"k") + field(2, field(1, b"x" * 2**20)))
FITTING = field(1, field(1, b"k") + field(2, field(1, b"x" * 60_000)))


def scope(*spans: bytes) -> bytes:
    return field(2, b"".join(field(2, span) for span in spans))


def resource(*scopes: bytes, of: bytes = b"") -> bytes:
    return field(1, (field(1, of) if of else b"") + b"".join(scopes))


def one_span(content: bytes) -> bytes:
    return resource(scope(IDS + content))


def array(value: bytes, count: int) -> bytes:
    return field(9, field(1, b"k") + field(2, field(5, field(1, value) * count)))


ID = '{"traceId":"' + "1" * 32 + '","spanId":"' + "2" * 16 + '"'


def in_json(spans: str, attribute: str = "") -> bytes:
    held = f'{{"attributes":[{{"key":"k","value":{{"stringValue":"{attribute}"}}}}]}}'
    scopes = f'[{{"spans":[{spans}]}}]'
    return f'{{"resourceSpans":[{{"resource":{held},"scopeSpans":{scopes}}}]}}'.encode()


def json_scopes(scopes: str, count: int) -> bytes:
    body = in_json("[]", "x" * 2**20).split(b'"scopeSpans":')[0]
    return body + b'"scopeSpans":[' + ",".join([scopes] * count).encode() + b"]}]}"


SHAPES: dict[str, Callable[[], bytes]] = {
    "a large resource, many scopes": lambda: resource(*[scope(IDS)] * 400, of=LARGE),
    "a resource as it may be, many scopes": lambda: resource(*[scope(IDS)] * 9_000, of=FITTING),
    "many resources": lambda: resource(scope(IDS)) * 20_000,
    "empty scopes": lambda: resource(b"\x12\x00" * 4_000, of=LARGE),
    "very many empty scopes": lambda: resource(b"\x12\x00" * 2**20),
    "empty resources": lambda: b"\x0a\x00" * 2**20,
    "empty spans": lambda: resource(field(2, b"\x12\x00" * 2**21)),
    "small spans": lambda: resource(scope(*[IDS] * 20_000)),
    "empty attributes": lambda: one_span(b"\x4a\x00" * 2**21),
    "many spans of empty attributes": lambda: resource(scope(*[IDS + b"\x4a\x00" * 2**18] * 12)),
    "short keys": lambda: one_span(b"\x4a\x03\x0a\x01x" * 200_000),
    "empty events": lambda: one_span(b"\x5a\x00" * 2**21),
    "empty links": lambda: one_span(b"\x6a\x00" * 500_000),
    "booleans": lambda: one_span(array(b"\x10\x01", 100_000)),
    "numbers": lambda: one_span(array(b"\x21" + b"\x9a\x99\x99\x99\x99\x99\xb9\x3f", 70_000)),
    "control characters": lambda: one_span(field(5, b"\x00" * 2**20)),
    "very long control characters": lambda: one_span(field(5, b"\x00" * 2**23)),
    "letters beyond ASCII": lambda: one_span(field(5, "ж".encode() * 2**20)),
    "nested values": lambda: one_span(field(9, field(2, b"\x2a\x02\x0a\x00" * 2**18))),
    "unknown fields": lambda: one_span(b"\xf8\x07\x01" * 2**20),
    "JSON: a large resource, many scopes": lambda: json_scopes(f'{{"spans":[{ID}}}]}}', 400),
    "JSON: empty scopes": lambda: json_scopes("{}", 4_000),
    "JSON: empty spans": lambda: in_json(",".join(["{}"] * 2**20)),
    "JSON: small spans": lambda: in_json(",".join([ID + "}"] * 5_000)),
    "JSON: empty objects": lambda: in_json(ID + ',"x":[' + ",".join(["{}"] * 2**21) + "]}"),
    "JSON: small objects": lambda: in_json(ID + ',"x":[' + ",".join(['{"":0}'] * 2**19) + "]}"),
    "JSON: many of small objects": lambda: in_json(
        ",".join([ID + ',"x":[' + ",".join(['{"":0}'] * 60_000) + "]}"] * 15)
    ),
    "JSON: nested objects": lambda: in_json(
        ID + ',"x":[' + ",".join(['{"":' * 50 + "0" + "}" * 50] * 8_000) + "]}"
    ),
    "JSON: numbers": lambda: in_json(",".join([ID + ',"x":[1e15' + ",1e15" * 999 + "]}"] * 400)),
    "JSON: keys": lambda: in_json(ID + "".join(f',"{n:x}":1' for n in range(300_000)) + "}"),
    "JSON: quotes": lambda: in_json(ID + ',"x":"' + '\\"' * 2**20),
    "JSON: brackets": lambda: b'{"x":' + b"[" * 2**20,
}


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with receiving(
        tmp_path_factory.mktemp("amplified") / "home", max_mb_per_second="100000"
    ) as one:
        post(one.traces, in_json(ID + "}"), JSON)  # what is made once is made
        yield one


def spooled(receiver: Receiver) -> int:
    return sum(file.stat().st_size for file in (receiver.home / "spool").glob("*.jsonl"))


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def loop_ns(pid: int) -> int:
    """Nanoseconds that the main thread, which runs the event loop, has used of a processor."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0])


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_a_request_makes_no_more_of_itself_than_is_promised(shape: str, receiver: Receiver) -> None:
    body = SHAPES[shape]()
    before = spooled(receiver)
    Path(f"/proc/{receiver.pid}/clear_refs").write_text("5")  # the peak, from here on
    memory, looped = resident_megabytes(receiver.pid), loop_ns(receiver.pid)
    headers = (JSON if shape.startswith("JSON") else PROTOBUF) | {"Content-Encoding": "gzip"}
    answer = post(receiver.traces, gzip.compress(body), headers)
    assert answer.status in (200, 400)
    assert spooled(receiver) - before <= TIMES_SPOOL * len(body) + 128
    grown = peak_megabytes(receiver.pid) - memory
    assert grown <= TIMES_MEMORY * len(body) / 2**20 + FREE_MEGABYTES
    # All that the loop did for it, in however many turns.
    assert loop_ns(receiver.pid) - looped <= BLOCKED_NS


INGEST = """
import sys
from pathlib import Path
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from tests.support.peak_memory import peak_megabytes
settings = Settings(home=Path(sys.argv[1]))
store = Store.open(settings)
ingest = Ingest(store, settings)
Path("/proc/self/clear_refs").write_text("5")
before = peak_megabytes()
read = ingest.run()
print(peak_megabytes() - before, read.spans, read.corrupt)
"""


def small_spans(count: int) -> str:
    return ",".join(f'{{"traceId":"{n:032x}","spanId":"{n:016x}"}}' for n in range(1, count + 1))


LINES: dict[str, Callable[[], bytes]] = {
    "a large resource, many scopes": lambda: json_scopes(f'{{"spans":[{ID}}}]}}', 400),
    "a resource as it may be": lambda: in_json(small_spans(3_000), "x" * 60_000),
    "small spans": lambda: in_json(small_spans(30_000)),
    "too many spans": lambda: in_json(small_spans(60_000)),
    "empty spans": lambda: in_json(",".join(["{}"] * 190_000)),
    "empty events": lambda: in_json(ID + ',"events":[' + ",".join(["{}"] * 190_000) + "]}"),
    "keys": lambda: in_json(
        ID + ',"attributes":[' + ",".join(f'{{"key":"{n}"}}' for n in range(150_000)) + "]}"
    ),
    "small objects": lambda: in_json(ID + ',"x":[' + ",".join(['{"":0}'] * 190_000) + "]}"),
    "too many objects": lambda: in_json(ID + ',"x":[' + ",".join(['{"":0}'] * 2**19) + "]}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("shape", LINES)
def test_a_line_makes_no_more_of_itself_than_is_promised(shape: str, tmp_path: Path) -> None:
    """Whoever wrote it, a file of a Collector too: what costs too much is set aside."""
    home = tmp_path / "home"
    (home / "spool").mkdir(mode=0o700, parents=True)
    home.chmod(0o700)
    line = LINES[shape]()
    path = home / "spool" / "a.received.jsonl"
    path.touch(0o600)
    path.write_bytes(line + b"\n")
    said = subprocess.run(
        [sys.executable, "-c", INGEST, str(home)], check=True, capture_output=True, text=True
    )
    megabytes, spans, corrupt = map(float, said.stdout.split()[-3:])
    assert spans or corrupt
    assert megabytes <= TIMES_MEMORY * len(line) / 2**20 + FREE_MEGABYTES
    stored = sum(file.stat().st_size for file in home.glob("store.db*"))
    # Twice, since all of it stands in the write-ahead log, too.
    assert stored <= 2 * (TIMES_SPOOL * len(line) + 1000 * spans) + 2**20


READ = """
import sys
from pathlib import Path
from smile_trace._guards import foreign
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.exchange import ImportFailed, import_lines
from tests.support.peak_memory import peak_megabytes
store = Store.open(Settings(home=Path(sys.argv[1])))
text = sys.stdin.buffer.read()
Path("/proc/self/clear_refs").write_text("5")
before = peak_megabytes()
try:
    foreign.parse(text) if sys.argv[2] == "reply" else import_lines(store.database, [text])
except (foreign.ForeignDataError, ImportFailed):
    pass
print(peak_megabytes() - before)
"""


def listed(value: str, count: int) -> bytes:
    return f'{{"x":[{",".join([value] * count)}]}}'.encode()


DOCUMENTS: dict[str, Callable[[], bytes]] = {
    "empty objects": lambda: listed("{}", 199_000),
    "too many objects": lambda: listed("{}", 2**20),
    "small objects": lambda: listed('{"":0}', 190_000),
    "as many objects as its length allows": lambda: listed(f'{{"":"{"x" * 30}"}}', 600_000),
    "numbers": lambda: listed("0.1", 1_900_000),
    "lists": lambda: listed("[" * 50 + "]" * 50, 20_000),
    "keys": lambda: listed("{" + ",".join(f'"{n:x}":0' for n in range(99)) + "}", 9_000),
    "letters beyond ASCII": lambda: listed('"ж🙂"', 400_000),
    "brackets": lambda: b"[" * 2**22,
}


@pytest.mark.slow
@pytest.mark.parametrize("form", ["reply", "import"])
@pytest.mark.parametrize("shape", DOCUMENTS)
def test_a_document_makes_no_more_of_itself_than_is_promised(
    shape: str, form: str, tmp_path: Path
) -> None:
    """What a reply or a page of a backend is read with, and a line of an import."""
    text = DOCUMENTS[shape]()
    arguments = [sys.executable, "-c", READ, str(tmp_path), form]
    said = subprocess.run(arguments, check=True, capture_output=True, input=text)
    assert float(said.stdout) <= TIMES_MEMORY * len(text) / 2**20 + FREE_MEGABYTES
