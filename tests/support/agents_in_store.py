"""A planted agent's trace in a store of its own, and its model behind a strict server."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from tests.support.planted_agents import PlantedAgent
from tests.support.strict_openai import StrictServer, strict


@contextmanager
def serving_agent(
    agent: PlantedAgent, home: Path | None = None
) -> Iterator[tuple[StrictServer, Endpoint]]:
    """The server and the model; the environment names the store's folder while it runs."""
    with tempfile.TemporaryDirectory() as folder, strict(agent.answer) as server:
        before = os.environ.get("SMILE_TRACE_HOME")
        os.environ["SMILE_TRACE_HOME"] = str(home or folder)
        try:
            keep(Settings(), agent.lines)
            yield server, endpoint(server)
        finally:
            del os.environ["SMILE_TRACE_HOME"]
            if before is not None:
                os.environ["SMILE_TRACE_HOME"] = before


def endpoint(server: StrictServer) -> Endpoint:
    """The server's model, which repeats itself at temperature 0."""
    how = EndpointSettings(
        kind="endpoint", base_url=server.base_url, temperature_zero_is_deterministic=True
    )
    return Endpoint("planted", how)


def keep(settings: Settings, lines: Iterable[bytes]) -> None:
    """Take spool lines into the store of these settings."""
    settings.spool.mkdir(parents=True, mode=0o700)
    whole = [line.rstrip(b"\n") + b"\n" for line in lines]
    (settings.spool / "1.jsonl").write_bytes(b"".join(whole))
    with Store.open(settings) as store:
        Ingest(store, settings).run()
