"""The demo as a person runs it: the whole line, and looked at."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

from tests.support.browser import WatchedPage
from tests.support.mlflow_pages import open_explanation

CALLS = 10
JSON_CALLS = 3

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.mlflow, pytest.mark.browser]


def test_the_demo_explains_and_delivers_every_call(
    tmp_path: Path, watched_page: WatchedPage
) -> None:
    with serving_demo(tmp_path / "home", tmp_path / "output") as (demo, output):
        words = " ".join(output.split())  # lines break where numbers are longer or shorter
        assert words.count("probability signal") == CALLS - JSON_CALLS
        assert words.count("text signal") == JSON_CALLS
        uri = re.search(r"MLflow, to click around: (\S+)", output)
        assert uri is not None
        traces = MlflowClient(uri[1]).search_traces(["1"], max_results=100)
        assert len(traces) == CALLS
        for trace in traces:
            assert trace.info.tags["smile.status"] in (
                "reliable",
                "partial",
                "no_effect",
                "inconclusive",
            )
            heatmaps = [s for s in trace.data.spans if s.span_type == "EVALUATOR"]
            assert len(heatmaps) == 1
            outputs = heatmaps[0].outputs
            assert f"({uri[1]}/get-artifact?" in outputs["heatmap"]
            assert outputs["the whole page"].startswith("mlflow-attachment://")
        for url in re.findall(r"http://\S+/traces\S+", output)[-2:]:
            picture = open_explanation(watched_page.page, url)
            assert picture.evaluate("image => image.naturalWidth") > 0
            watched_page.page.screenshot(path=tmp_path / "heatmap.png")
        assert watched_page.alarms == []
        children = demo.children(recursive=True)
        assert children
    _, alive = psutil.wait_procs(children, timeout=120)
    assert not alive
    told = re.search(r"Its two prompt versions:\n  (.+)\n", output)
    assert told is not None
    compared = subprocess.run(told[1], shell=True, capture_output=True, text=True, cwd=tmp_path)
    assert compared.returncode == 0, compared.stderr
    status = subprocess.run(
        [sys.executable, "-m", "smile_trace", "status", "--json"],
        env={**os.environ, "SMILE_TRACE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    counts = json.loads(status.stdout)
    assert (counts["captured"], counts["explained"], counts["failed"]) == (CALLS, CALLS, 0)


@contextmanager
def serving_demo(home: Path, log: Path) -> Iterator[tuple[psutil.Process, str]]:
    """The demo without a terminal, told to serve, once it does; Ctrl-C ends it with 0."""
    with log.open("wb") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "smile_trace", "demo", "--serve"],
            env={**os.environ, "SMILE_TRACE_HOME": str(home), "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        deadline = time.monotonic() + 1500
        while "Serving until Ctrl-C" not in log.read_text():
            assert demo.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.5)
        yield psutil.Process(demo.pid), log.read_text()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(120) == 0, log.read_text()[-3000:]
    finally:
        demo.kill()
        demo.wait()
