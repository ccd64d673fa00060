"""A recorded call is asked again as the request that was sent, or says why it cannot be.

Beside a recording, `.requests.jsonl` has what the planted server received when it was made (see
`tests/instrumentors/record.py`). Each repeatable call is asked again by the models that a worker
uses, of a server that only listens; what arrives is one of those requests, field by field.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Set
from typing import Any

import pytest

from smile_trace.models import Request
from smile_trace.models.kinds.anthropic import AnthropicSettings
from smile_trace.models.kinds.endpoint import EndpointSettings
from smile_trace.records import Call, Prompted
from tests.instrumentors.record import lacking
from tests.instrumentors.served import DEFAULTS
from tests.support import strict_anthropic, strict_openai
from tests.support.planted import PlantedServer
from tests.support.recorded_calls import FOLDER, calls_of

NAMES = sorted(
    path.name.removesuffix(".requests.jsonl") for path in FOLDER.glob("*.requests.jsonl")
)
UNWRITTEN: dict[str, set[str]] = {
    "anthropic-ai-claude-agent-sdk-0.3.333": {"metadata", "cache_control"},
    "mastra-arize-1.3.8": {"stop", "tools", "tool_choice"},
    "openinference-instrumentation-autogen-agentchat-0.1.22": {"name"},
    "traceloop-node-server-sdk-0.27.0": {"seed", "stop", "tool_choice"},
}
"""Fields that an emitter writes nowhere, besides those that the table says (`lacks`)."""
NOT_AGAIN: dict[str, int] = {
    "ai-6.0.326": 2,  # the options for thinking
    "ai-7.0.173": 10,  # and the choice of four tools, and four schemas
    "ai-7.0.173.legacy": 2,
    "ai-7.0.173.whole": 2,
    "langsmith-0.12.0.javascript": 1,  # a schema of the answer
    "mastra-arize-1.3.8": 3,  # tools, their results, a schema
    "mastra-otel-exporter-1.4.0": 4,
    "litellm-1.110.2": 4,
    "litellm-1.110.2.semconv": 11,
    "litellm-1.110.2.v2": 8,
    "arizeai-openinference-instrumentation-openai-agents-0.2.15": 3,  # tools, schema of chat
    "openinference-instrumentation-autogen-agentchat-0.1.22": 2,
    "openinference-instrumentation-haystack-0.1.46": 2,
    "openinference-instrumentation-openai-agents-2.6.0": 2,  # tools of chat
    "openlit-1.45.0": 1,  # a result without its call
    "opentelemetry-instrumentation-openai-v2-2.4b0.latest_both.live": 3,  # and a text of several
    "opentelemetry-instrumentation-openai-v2-2.4b0.live": 2,  # tools
    "traceloop-node-server-sdk-0.27.0": 2,  # a schema, instructions
}
"""How many calls of a recording are not asked again, since their emitter does not write all of the
request: each says so."""
_HOW_IT_IS_SENT = {"stream", "stream_options", "include", "n"}
_LIMITS = {"max_tokens", "max_completion_tokens", "max_output_tokens"}
_RENAMED = {"stop_sequences": "stop", **dict.fromkeys(_LIMITS, "limit")}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_asked_again_was_sent(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "no key")
    without = lacking(name) | UNWRITTEN.get(name, set())
    received = [json.loads(line) for line in (FOLDER / f"{name}.requests.jsonl").open()]
    left = [_plain(one["body"], without) for one in received]
    calls = calls_of(name)
    again = [call for call in calls if call.answer is not None and not call.not_repeatable]
    for call, sent in zip(again, _asked(again), strict=True):
        body = _plain(sent, without)
        if _LIMITS.isdisjoint(call.parameters):  # then it is ours
            body.pop("limit", None)
        assert body in left, (call.name, body, _nearest(body, left))
        left.remove(body)
    assert len(calls) - len(again) == NOT_AGAIN.get(name, 0)


def _asked(calls: list[Call]) -> Iterator[dict[str, Any]]:
    """The body that a server gets for each of the calls."""
    with (
        strict_openai.strict(lambda _: "yes") as openai,
        strict_anthropic.strict(lambda _: "yes") as anthropic,
    ):
        for call in calls:
            openai.open_model = call.model == "qwen3"
            server: PlantedServer = anthropic if "claude" in str(call.model) else openai
            settings = (
                AnthropicSettings(base_url=anthropic.base_url)
                if server is anthropic
                else EndpointSettings(base_url=openai.base_url)
            )
            model = settings.open(str(call.model))
            [response] = asyncio.run(model.generate([Request.of(Prompted.of(call))]))
            assert response.ok, response.failure
            yield server.bodies[-1]


def _plain(body: dict[str, Any], without: Set[str]) -> dict[str, Any]:
    """The body without how its answer is delivered, each text in one of the forms that mean it."""
    left = {field: value for field, value in body.items() if DEFAULTS.get(field) != value}
    for name in _RENAMED.keys() & left.keys():
        left[_RENAMED[name]] = left.pop(name)
    left = {field: value for field, value in left.items() if field not in _HOW_IT_IS_SENT | without}
    if isinstance(left.get("input"), str):
        left["input"] = [{"role": "user", "content": left["input"]}]
    if left.get("tools") == []:
        del left["tools"]
    if instructions := left.pop("instructions", None):
        left["input"] = [{"role": "system", "content": instructions}, *left["input"]]
    return {field: _texts(value, without) for field, value in left.items() if value != {}}


def _texts(value: Any, without: Set[str]) -> Any:
    """A list of one text block is that text, an item of no type a message, and an empty field
    not there. A developer's message is the system's."""
    if isinstance(value, list):
        items = [_texts(item, without) for item in value]
        one = items[0] if len(items) == 1 else None
        return one["text"] if isinstance(one, dict) and _is_text(one) else items
    if value == "developer":
        return "system"
    if isinstance(value, dict):
        if value.get("type") == "function_call":  # as the server gave it back
            without = without | {"id", "status"}
        if value.get("type") in ("message", "custom"):  # the default of a tool of Anthropic's
            without = without | {"type"}
        kept = {k: v for k, v in value.items() if v not in (None, "") and k not in without}
        return {
            field: json.loads(inner) if field == "arguments" else _texts(inner, without)
            for field, inner in kept.items()
        }
    return value


def _is_text(block: dict[str, Any]) -> bool:
    return block.keys() == {"type", "text"} and str(block["type"]).endswith("text")


def _nearest(body: dict[str, Any], received: list[dict[str, Any]]) -> dict[str, Any]:
    """The request that has most fields in common, for the message of a test that fails."""
    return max(
        received,
        key=lambda one: Counter(body.get(f) == v for f, v in one.items())[True],
        default={},
    )
