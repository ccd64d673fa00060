"""Applications in processes of their own, and what they leave behind."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from smile_trace.dialects import read_calls
from smile_trace.records import Call, Span
from smile_trace.records.formats.otlp import spans_from_line

PREAMBLE = """
import asyncio, os, signal, sys, threading, time
import smile_trace

@smile_trace.trace(model="m")
def ask(prompt):
    return "answer to " + prompt
"""


def run_application(
    body: str, home: Path, env: dict[str, str] | None = None, *, preamble: str = PREAMBLE
) -> subprocess.CompletedProcess[str]:
    """Run `body` after the preamble, with `home` as its SMILE_TRACE_HOME."""
    return subprocess.run(
        [sys.executable, "-c", preamble + textwrap.dedent(body)],
        env={**os.environ, "SMILE_TRACE_HOME": str(home), **(env or {})},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def read_spool(home: Path) -> list[Span]:
    """Every span of every whole line below `home`: a kill in the middle of a write tears one."""
    return [
        span
        for path in sorted((home / "spool").glob("*.jsonl"))
        for line in path.read_bytes().splitlines(keepends=True)
        if line.endswith(b"\n")
        for span in spans_from_line(line)
    ]


def spooled_calls(home: Path) -> list[Call]:
    """Every call in the spool, each span for itself."""
    return [call for span in read_spool(home) for call in read_calls([span])]
