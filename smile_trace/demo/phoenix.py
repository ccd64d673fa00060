"""A real Phoenix server, for the demo and the tests.

Phoenix (Elastic License 2.0) is never installed with smile-trace: it runs as another program, out
of an environment of its own.
"""

import os
import shlex
import subprocess
from pathlib import Path

from smile_trace.demo.servers import CHECKOUT, end_session, free_port, wait_for_server
from smile_trace.errors import SmileTraceError

PREFERRED_PORT = 6006
"""Phoenix's own, tried first, so that links of an earlier run stay valid."""

INSTALLED = CHECKOUT / ".venv-phoenix" / "bin" / "python"
"""The Python that has Phoenix, where `make .venv-phoenix/.installed` was run in the checkout."""
_QUIET = {
    "PHOENIX_TELEMETRY_ENABLED": "false",
    "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
    "PHOENIX_AGENTS_DISABLE_BASH": "true",
    "PHOENIX_ENABLE_MCP_SERVER": "false",
}
"""It asks nobody for anything, and offers only what is used here."""


def phoenix_command() -> list[str]:
    """What starts it again, without its environment."""
    return [str(INSTALLED), "-m", "phoenix.server.main", "serve"]


def phoenix_environment(folder: Path, port: int) -> dict[str, str]:
    """Its variables: what it keeps lies in `folder`, and it listens on loopback alone."""
    return {
        **_QUIET,
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port(0)),
    }


def start_phoenix(folder: Path, port: int, **more: str) -> "subprocess.Popen[bytes]":
    """A `phoenix serve` on a loopback port, with its database and `phoenix.log` in `folder`.

    It has a session of its own, as `start_mlflow`'s has. It answers after some twenty seconds.

    Args:
        more: further variables of its environment.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PHOENIX_", "OTEL_"))}
    with (folder / "phoenix.log").open("ab") as log:
        return subprocess.Popen(
            phoenix_command(),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**inherited, **phoenix_environment(folder, port), **more},
        )


class Phoenix:
    """A real `phoenix serve` on SQLite and a loopback port; its state lives in `folder`.

    Raises:
        SmileTraceError: it is not installed in this checkout.
    """

    def __init__(self, folder: Path) -> None:
        if not INSTALLED.exists():
            raise SmileTraceError(
                "The demo for Phoenix starts a Phoenix server, which is installed beside a "
                "checkout of smile-trace: run it there (make demo TRACKER=phoenix)."
            )
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port(PREFERRED_PORT)
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "phoenix.log"
        self._folder = folder
        self._process = start_phoenix(folder, self.port)

    @property
    def name(self) -> str:
        """Its name in the terminal."""
        return "a real Phoenix server"

    @property
    def settings(self) -> str:
        """The tracker's table in the settings."""
        return f'[trackers.phoenix]\nurl = "{self.url}"\nproject = "smile-trace demo"\n'

    @property
    def environment(self) -> dict[str, str]:
        """Nothing: the settings suffice."""
        return {}

    @property
    def where(self) -> str:
        """Where a person finds the result."""
        return (
            f"Phoenix, to click around: {self.url}\n"
            "  (open a trace of the project: the heatmap is under the LLM span)"
        )

    @property
    def again(self) -> str:
        """The command that serves it again."""
        variables = phoenix_environment(self._folder, self.port)
        return shlex.join(["env", *(f"{k}={v}" for k, v in variables.items()), *phoenix_command()])

    def wait(self, seconds: float = 240.0) -> None:
        """Wait until the server answers.

        Raises:
            SmileTraceError: it ended, or did not answer in time; the message names its log.
        """
        wait_for_server("Phoenix", self._process, f"{self.url}/healthz", self.log, seconds)

    def stop(self) -> None:
        """End the server; quietly where it has ended already."""
        end_session(self._process)
