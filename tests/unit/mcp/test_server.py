"""Assistants get the store's answers, by the official client; hostile arguments get an error."""

import asyncio
import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from smile_trace.errors import BudgetExceeded
from smile_trace.explaining.options import MIN_BUDGET
from smile_trace.models import Capabilities, Request
from smile_trace.models.kinds.endpoint import EndpointSettings
from smile_trace.models.metered import Meter
from smile_trace.records import JSON, Response, Usage
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.paths import ROOT
from tests.support.store_rows import call_id, capture, explain, explanation

pytestmark = pytest.mark.thorough


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """A home with two captured calls, the first of them explained, and a model of its own."""
    ours = EndpointSettings(base_url="http://127.0.0.1:1/v1")
    settings = Settings(home=tmp_path, models={"ours": ours})
    with Store.open(settings) as store:
        capture(store, 1, 2)
        explain(store, 1)
    return settings


def connected(settings: Settings, **how: Any) -> Any:
    """The official client, connected to a server of the settings."""
    from mcp.client import Client

    from smile_trace.mcp import make_server

    return Client(make_server(settings, **how))


async def ask(settings: Settings, tool: str, arguments: dict[str, Any], **how: Any) -> Any:
    async with connected(settings, **how) as client:
        return await client.call_tool(tool, arguments)


async def test_why_is_what_the_store_says(home: Settings) -> None:
    stored = explanation()
    trace = call_id(1).partition(":")[0]
    for asked in (call_id(1), trace, f"tr-{trace}"):
        told = await ask(home, "why", {"trace_id": asked})
        assert not told.is_error
        assert told.structured_content["call"] == call_id(1)
        assert told.structured_content["status"] == stored.status
        assert told.structured_content["summary"] == stored.summary
        sure = [s for s in stored.ranked if s.significant and s.attribution > 0]
        numbers = [(c["attribution"], c["ci_low"]) for c in told.structured_content["supports"]]
        assert numbers == [(s.attribution, s.ci_low) for s in sure]


async def test_status_counts(home: Settings) -> None:
    told = await ask(home, "status", {})
    assert told.structured_content["captured"] == 2
    assert told.structured_content["explained"] == 1


async def test_what_is_not_there_is_said(home: Settings) -> None:
    other = await ask(home, "why", {"trace_id": call_id(2)})
    assert other.is_error
    assert "is explained (yet)" in other.content[0].text
    missing = await ask(home, "why", {"trace_id": "f" * 32})
    assert "no captured trace has the id" in missing.content[0].text
    compared = await ask(home, "compare", {"prompt": "no such prompt"})
    assert compared.is_error
    assert "no such prompt" in compared.content[0].text


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("why", {}),
        ("why", {"trace_id": "../../etc/passwd"}),
        ("why", {"trace_id": "%"}),
        ("why", {"trace_id": "' OR 1=1 --"}),
        ("why", {"trace_id": {"$ne": None}}),
        ("why", {"trace_id": "a" * 100_000}),
        ("compare", {"prompt": ""}),
        ("compare", {"prompt": "x" * 10_000}),
        ("compare", {"prompt": "{0.__class__}"}),
        ("explain", {"prompt": ""}),
        ("explain", {"prompt": "x" * 200_000}),
        ("explain", {"prompt": "One two.", "model": "gpt-5"}),
        ("forget", {"trace_id": "a" * 32}),
    ],
)
async def test_hostile_arguments_get_an_error(
    tool: str, arguments: dict[str, Any], home: Settings
) -> None:
    async with connected(home, model="nobody", most_calls=100) as client:
        told = await client.call_tool(tool, arguments)
    assert told.is_error
    assert len(json.dumps(told.model_dump(mode="json"))) < 5000


async def test_without_a_model_nothing_can_be_asked(home: Settings) -> None:
    async with connected(home) as client:
        listed = await client.list_tools()
    assert {tool.name for tool in listed.tools} == {"why", "compare", "status"}
    assert all(tool.annotations.read_only_hint for tool in listed.tools)


async def test_a_client_is_told_which_tool_asks_a_model(home: Settings) -> None:
    async with connected(home, model="ours", most_calls=9) as client:
        listed = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
    assert [name for name, hints in listed.items() if not hints.read_only_hint] == ["explain"]
    assert [name for name, hints in listed.items() if hints.open_world_hint] == ["explain"]


async def test_page_and_skill_name_the_tools_that_there_are(home: Settings) -> None:
    async with connected(home, model="ours", most_calls=9) as client:
        listed = (await client.list_tools()).tools
    tools = {f"{tool.name}({', '.join(tool.input_schema['properties'])})" for tool in listed}
    for page in ("docs/hub.md", "examples/skills/smile-trace/SKILL.md"):
        written = (ROOT / page).read_text("utf-8")
        assert set(re.findall(r"^\| `(\w+\(\w*\))`", written, re.MULTILINE)) == tools
    head = re.match(r"---\nname: (\S+)\ndescription: (.+)\n---\n", written)
    assert head is not None
    assert head[1] == "smile-trace", "a skill has the name of its folder"
    assert len(head[2]) <= 1024


class Unsteady:
    """A Model of which attempts time out, are turned away, or never leave."""

    name = "unsteady"
    identity = None
    capabilities = Capabilities(meters_attempts=True)
    meter: Meter

    def __init__(self) -> None:
        self.sent = 0
        self._fates = itertools.cycle(["timeout", "answer", "turned away", "not sent", "answer"])

    def with_meter(self, meter: Meter) -> "Unsteady":
        self.meter = meter
        return self

    def deterministic(self, parameters: dict[str, JSON]) -> bool:
        return False

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        return [await self._ask(request, self.meter) for request in requests]

    async def _ask(self, request: Request, meter: Meter) -> Response:
        while True:
            try:
                attempt = await meter.reserve([request], answer=None, bound=Usage(), usd=None)
            except BudgetExceeded as error:
                return Response(failure=str(error))
            fate = next(self._fates)
            self.sent += fate != "not sent"
            if fate == "answer":
                response = Response(text=f"answer {self.sent}")
                await meter.settle(attempt, [response])
                return response
            if fate == "timeout":
                await meter.settle(attempt, None)
            else:
                await meter.release(attempt, sent=fate == "turned away")

    async def aclose(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("at_once", [pytest.param(1, marks=pytest.mark.slow), 4])
async def test_the_cap_holds_over_all_that_is_sent(
    at_once: int, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, told = Unsteady(), list[Any]()
    monkeypatch.setattr("smile_trace.explaining.preparation.open_any", lambda *_: model)
    async with connected(home, model="ours", most_calls=60) as client:

        async def explain_some() -> None:
            while not told or "used up" not in told[-1].content[0].text:
                told.append(await client.call_tool("explain", {"prompt": "One two three."}))

        await asyncio.gather(*(explain_some() for _ in range(at_once)))
    assert 60 - MIN_BUDGET < model.sent <= 60, "and what was not sent is given back"
    assert "the cap on calls of this server is used up" in told[-1].content[0].text


def test_texts_are_bounded_and_hold_no_secret() -> None:
    from smile_trace.mcp.answers import Why

    key = "sk-" + "a1B2" * 8
    long = explanation().model_copy(update={"answer": key + "x" * 50_000, "summary": "y" * 9000})
    told = Why.of(long)
    assert len(told.answer) <= 2000
    assert len(told.summary) <= 2000
    assert key not in told.model_dump_json()
