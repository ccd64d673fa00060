"""A Phoenix server of its own, for the demo and the tests.

Phoenix (Elastic License 2.0) is never installed with smile-trace: it runs as another program, out
of an environment of its own.
"""

import os
import subprocess
from pathlib import Path

from smile_trace.demo.servers import CHECKOUT, free_port

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
