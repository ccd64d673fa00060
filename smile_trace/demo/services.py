"""Services whose server cannot be run here: the reader's own, the tests' fake one, or files."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smile_trace.demo.servers import CHECKOUT
from smile_trace.errors import SmileTraceError


@dataclass(frozen=True)
class KnownService:
    """How the worker is led to a service, or to its fake.

    `asked_by`: the variables of which one says that the reader has it; `prefix`: that of all its
    variables; `options`: of the tracker's table; `fake`: the variables that lead to the fake
    server, `{url}` is its address.
    """

    title: str
    asked_by: tuple[str, ...]
    prefix: str
    fake: Mapping[str, str]
    options: str = ""


SERVICES = {
    "langfuse": KnownService(
        title="Langfuse",
        asked_by=("LANGFUSE_SECRET_KEY",),
        prefix="LANGFUSE_",
        fake={
            "LANGFUSE_PUBLIC_KEY": "pk-lf-test",
            "LANGFUSE_SECRET_KEY": "sk-lf-test",
            "LANGFUSE_BASE_URL": "{url}",
        },
    ),
    "comet": KnownService(
        title="Comet",
        asked_by=("COMET_API_KEY",),
        prefix="COMET_",
        fake={"COMET_API_KEY": "fake-key", "COMET_URL_OVERRIDE": "{url}/clientlib/"},
        options='project = "smile-trace-demo"\n',
    ),
    "opik": KnownService(
        title="Opik",
        asked_by=("OPIK_API_KEY", "OPIK_URL_OVERRIDE"),
        prefix="OPIK_",
        fake={"OPIK_URL_OVERRIDE": "{url}/api"},
        options='project = "smile-trace demo"\n',
    ),
    "otlp": KnownService(
        title="OTLP",
        asked_by=("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        prefix="OTEL_EXPORTER_OTLP_",
        fake={"OTEL_EXPORTER_OTLP_ENDPOINT": "{url}"},
    ),
}


class Service:
    """The service that the environment names, where it names one; else its fake, on loopback.

    Raises:
        SmileTraceError: none is named, and there is no checkout of smile-trace with the fake.
    """

    def __init__(self, tracker: str, known: KnownService) -> None:
        self._tracker, self._known = tracker, known
        self._process: subprocess.Popen[str] | None = None
        self._url = ""
        self._named = next((name for name in known.asked_by if os.environ.get(name)), None)
        if self._named:
            return
        if not (CHECKOUT / "tests" / "support" / "fake_server.py").is_file():
            raise SmileTraceError(
                f"The demo for {known.title} delivers to a fake server, which only a checkout of "
                f"smile-trace has: run it there (make demo TRACKER={tracker}), or set "
                f"{known.asked_by[0]}."
            )
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fake_server", tracker],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def name(self) -> str:
        """Its name in the terminal."""
        if self._named:
            return f"{self._known.title} ({self._named} is set)"
        return f"a fake {self._known.title} server (no {self._known.asked_by[0]} is set)"

    @property
    def settings(self) -> str:
        """The tracker's table in the settings."""
        return f"[trackers.{self._tracker}]\n{self._known.options}"

    @property
    def environment(self) -> dict[str, str]:
        """The worker's variables for it; a key is never written to a file."""
        if self._named:
            return {k: v for k, v in os.environ.items() if k.startswith(self._known.prefix)}
        return {name: value.format(url=self._url) for name, value in self._known.fake.items()}

    @property
    def where(self) -> str:
        """Where a person finds the result."""
        if self._named:
            return f"Look at it in your {self._known.title}."
        return f"The fake server's pages: {self._url}"

    @property
    def again(self) -> str:
        """Nothing: what a fake server has received ends with it."""
        return ""

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            SmileTraceError: the fake server did not start.
        """
        if self._process is None:
            return
        assert self._process.stdout is not None
        self._url = self._process.stdout.readline().strip()
        if not self._url:
            raise SmileTraceError(f"The fake {self._known.title} server did not start: see above.")

    def stop(self) -> None:
        """End the fake server."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)


class Archives:
    """Comet's offline archives in a folder: nothing is started, and nobody is asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def name(self) -> str:
        """Its name in the terminal."""
        return "a folder for Comet's offline archives"

    @property
    def settings(self) -> str:
        """The tracker's table in the settings."""
        return f"[trackers.comet_archive]\ndirectory = {json.dumps(str(self._folder))}\n"

    @property
    def environment(self) -> dict[str, str]:
        """The worker's variables for it: none."""
        return {}

    @property
    def where(self) -> str:
        """Where a person finds the result."""
        return f"The archives, one per prompt version: {self._folder}"

    @property
    def again(self) -> str:
        """The command that brings the archives in."""
        return f"comet upload {shlex.quote(str(self._folder))}/*.zip"

    def wait(self) -> None:
        """It is there."""

    def stop(self) -> None:
        """It stays."""
