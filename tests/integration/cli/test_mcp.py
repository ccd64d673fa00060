"""The command serves the official client over standard input and output."""

import os
import sys
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.store_rows import call_id, capture, explain, explanation


@pytest.mark.slow
async def test_an_assistant_asks_why(tmp_path: Path) -> None:
    from mcp.client import Client
    from mcp.client.stdio import StdioServerParameters

    with Store.open(Settings(home=tmp_path)) as store:
        capture(store, 1)
        explain(store, 1)
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "smile_trace", "mcp"],
        env={**os.environ, "SMILE_TRACE_HOME": str(tmp_path)},
        cwd=tmp_path,
    )
    async with Client(command) as client:
        told = await client.call_tool("why", {"trace_id": call_id(1)})
        assert told.structured_content is not None
        assert told.structured_content["summary"] == explanation().summary
        wrong = await client.call_tool("why", {"trace_id": "../x"})
        assert wrong.is_error
