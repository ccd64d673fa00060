"""A recording of a live application: `python -m tests.instrumentors.record NAME`.

What its instrumentor sent is written to `tests/data/otlp/<package>-<version>[.<mode>].jsonl` (logs
beside it, in `.logs.jsonl`), and what the planted server received to `.requests.jsonl`. Beside a
recording whose calls were counted by hand it is `….live.jsonl`.
"""

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

from tests.instrumentors.running import Outcome, try_out
from tests.instrumentors.table import INSTRUMENTORS, Instrumentor
from tests.support.paths import ROOT
from tests.support.planted import Received

FOLDER = ROOT / "tests/data/otlp"
_NOISE = re.compile(r"metadata\.|hidden_params$|(gen_ai|litellm)\.cost\.")
HELD = {path.name.removesuffix(".requests.jsonl") for path in FOLDER.glob("*.requests.jsonl")}
"""Recordings that are held against what the server received."""


def main() -> int:
    """Record one; 1 if something was wrong with it, which does not keep it from being recorded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=[one.name for one in INSTRUMENTORS], metavar="NAME")
    parser.add_argument("--older", action="store_true", help="its older release")
    given = parser.parse_args()
    [instrumentor] = [one for one in INSTRUMENTORS if one.name == given.name]
    with tempfile.TemporaryDirectory() as home:
        outcome = try_out(instrumentor, Path(home) / "home", older=given.older)
    package, version = outcome.versions.split(", ")[0].split()
    name = f"{package.strip('@').replace('/', '-')}-{version}"
    name += f".{instrumentor.mode}" if instrumentor.mode else ""
    counted = (FOLDER / f"{name}.jsonl").exists() and name not in HELD
    written = write(outcome, FOLDER / (f"{name}.live" if counted else name))
    print("\n".join([*map(str, written), *outcome.wrong]))
    return bool(outcome.wrong)


def write(outcome: Outcome, stem: Path) -> list[Path]:
    """Write the spans, the logs and the requests; the files that were written."""
    logs = [line for line in outcome.received if b'"resourceLogs"' in line]
    spans = [_without_noise(line) for line in outcome.received if line not in logs]
    requests = [json.dumps(_kept(one)).encode() for one in outcome.requests]
    files = {".jsonl": spans, ".logs.jsonl": logs, ".requests.jsonl": requests}
    written = [Path(f"{stem}{ending}") for ending, lines in files.items() if lines]
    for file, lines in zip(written, filter(None, files.values()), strict=True):
        file.write_bytes(b"".join(line + b"\n" for line in lines))
    return written


def _without_noise(line: bytes) -> bytes:
    """The line without what LiteLLM writes of its proxy's keys and of prices, and without the place
    of this checkout, which stands in tracebacks."""
    document = json.loads(line.replace(str(ROOT).encode(), b"/application"))
    for block in document.get("resourceSpans", ()):
        for span in (span for of in block["scopeSpans"] for span in of["spans"]):
            held = span.get("attributes", [])
            span["attributes"] = [one for one in held if not _NOISE.match(one["key"])]
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def parts_of(recorded: str) -> tuple[str, str, str]:
    """The package, the release and the mode in a recording's name."""
    stem = recorded.removesuffix(".live")
    found = re.fullmatch(r"(.+?)(?:-(\d\w*(?:\.\d\w*)*))?(?:\.([a-z].*))?", stem)
    assert found is not None
    return found[1], found[2] or "", found[3] or ""


def packages_of(one: Instrumentor) -> list[str]:
    """Those that write the spans, without extras and bounds."""
    written = one.packages[: len(one.tracing.split(","))] or one.application.packages[:1]
    return [
        re.split(r"[\[<>=]|(?<=.)@", package)[0].strip("@").replace("/", "-") for package in written
    ]


def lacking(recorded: str) -> frozenset[str]:
    """The fields of requests that its instrumentor does not write in any call."""
    package, _, mode = parts_of(recorded)
    by = [one for one in INSTRUMENTORS if (packages_of(one)[0], one.mode) == (package, mode)]
    return frozenset().union(*(one.lacks for one in by))


def _kept(request: Received) -> dict[str, object]:
    """Of the headers only those that say how the body is meant."""
    headers = {k: v for k, v in request.headers.items() if k.startswith("anthropic-")}
    return {"path": request.path, "headers": headers, "body": request.body}


if __name__ == "__main__":
    sys.exit(main())
