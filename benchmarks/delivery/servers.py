"""The seven trackers and their servers: MLflow and Phoenix are real, the others fakes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smile_trace.demo.trackers import MLflow, Phoenix
from smile_trace.records import JSON
from smile_trace.trackers import Tracker, discover
from tests.support.comet_server import comet_environment
from tests.support.fake_langfuse import KEYS

REAL, FAKE = ("mlflow", "phoenix"), ("comet", "langfuse", "opik", "otlp")


@contextmanager
def serving(name: str, folder: Path, latency: float) -> Iterator[str]:
    """The address of a tracker's server; a fake one waits `latency` seconds before each answer."""
    if name in REAL:
        server = MLflow(folder) if name == "mlflow" else Phoenix(folder)
        try:
            server.wait()
            yield server.url
        finally:
            server.stop()
        return
    command = [sys.executable, "-m", "tests.support.fake_server", name, "--latency", str(latency)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def trackers(urls: dict[str, str], folder: Path) -> list[Tracker]:
    """The trackers of these servers, and Comet's archives where Comet is among them.

    Once per process: Comet's client keeps the first address that it was given.
    """
    os.environ |= {"LANGFUSE_PUBLIC_KEY": KEYS[0], "LANGFUSE_SECRET_KEY": KEYS[1]}
    os.environ["OPIK_CONFIG_PATH"] = str(folder / "opik.config")
    made = {name: _table(name, url) for name, url in urls.items()}
    if "comet" in urls:
        os.environ |= comet_environment(urls["comet"], str(folder))
        made["comet_archive"] = {"directory": str(folder / "archives")}
    return [tracker for tracker in discover(made) if tracker.name in made]


def _table(name: str, url: str) -> dict[str, JSON]:
    match name:
        case "mlflow":
            return {"tracking_uri": url, "experiment": "benchmark"}
        case "opik":
            return {"url": f"{url}/api"}
        case "otlp":
            return {"endpoint": url}
        case "comet":
            return {}
    return {"url": url}
