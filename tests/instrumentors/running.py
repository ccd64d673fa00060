"""An instrumented application against a planted server, received, read and explained.

What was read is held against what the server got.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from smile_trace.dialects.parts import called_tools, has_content
from smile_trace.records import Call
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.run import run
from tests.instrumentors import environments, node, served
from tests.instrumentors.table import Instrumentor
from tests.support import strict_anthropic, strict_openai
from tests.support.fake_tracker import FolderTracker
from tests.support.planted import Received
from tests.support.receiver_process import receiving
from tests.support.recorded_calls import Row, Said, row_of

_ANSWER = "The warranty of your kettle lasts 24 months."
_BY_FIELDS = (
    f"[[ ## reasoning ## ]]\nIt is there.\n\n[[ ## answer ## ]]\n{_ANSWER}\n\n[[ ## completed ## ]]"
)
"""The same in the form that DSPy asks for."""
_KETTLE = re.compile(r"\bkettle\b")
_MONTHS = re.compile(r"24 months|months\W+24")
_RESULT = re.compile(r'tool_result|function_call_output|"role": "tool"')
_QUIET = {
    "AGNO_TELEMETRY": "false",
    "CREWAI_DISABLE_TELEMETRY": "true",
    "DEEPEVAL_TELEMETRY_OPT_OUT": "true",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "LANGFUSE_OTEL_TRACES_EXPORT_PATH": "v1/traces",
    "LANGFUSE_PUBLIC_KEY": "no key",
    "LANGFUSE_SECRET_KEY": "no key",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "OTEL_NODE_RESOURCE_DETECTORS": "none",
}
"""They ask nobody but the planted servers."""
_COMPARED = ("messages", "answer", "model", "tools", "documents", "parameters")
_EXPLAINED = re.compile(r"explained: (reliable|partial) by .*(24|kettle)", re.DOTALL)
_NOT_WHOLE = "skipped: cannot be asked again: "
_NO_TOOLS = (_NOT_WHOLE + "its answer calls a tool", _NOT_WHOLE + "its messages hold a call of")
_OF_A_REQUEST = ("messages", "parameters", "tools")


class Outcome(NamedTuple):
    """How it went.

    Args:
        versions: what was installed.
        calls: how many the server got.
        read: how many were read.
        explained: how many of these were.
        wrong: what is.
        received: the requests with spans and logs.
        requests: those that the servers got, in order.
    """

    versions: str
    calls: int
    read: int
    explained: int
    wrong: list[str]
    received: list[bytes]
    requests: list[Received]


def try_out(instrumentor: Instrumentor, home: Path, *, older: bool = False) -> Outcome:
    """Run its application and a worker.

    Raises:
        NotInstalled: its packages cannot be installed.
    """
    if older:
        lacks = instrumentor.lacks | instrumentor.older_lacks
        instrumentor = replace(instrumentor, lacks=lacks)
    packages = (*instrumentor.packages, *instrumentor.application.packages)
    before = instrumentor.older if older else None
    made = node if instrumentor.application.file.endswith(".mjs") else environments
    environment = made.environment(f"{instrumentor.name}-{before or 'newest'}", packages, before)
    with ExitStack() as stack:
        openai = stack.enter_context(strict_openai.strict(_openai))
        anthropic = stack.enter_context(strict_anthropic.strict(_anthropic))
        thinks = stack.enter_context(strict_openai.strict(_thinking))
        thinks.open_model = True
        with receiving(home) as receiver:
            where = {
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.address,
                "MODEL_URL": openai.base_url,
                "ANTHROPIC_URL": anthropic.base_url,
                "OPEN_MODEL_URL": thinks.base_url,
                "LANGFUSE_BASE_URL": receiver.address,
                "TRACING": instrumentor.tracing,
            }
            command = made.command(environment, instrumentor.application.file)
            wrong = _application(command, where | instrumentor.environment)
            received = receiver.spooled()
        servers = (openai, anthropic, thinks)
        requests = sorted((r for one in servers for r in one.received), key=lambda r: r.at)
        got = [served.row(r.body, _answering(r.path)(r.body)) for r in requests]
        os.environ.setdefault("ANTHROPIC_API_KEY", "no key")
        settings = Settings(home=home, **_tables(*(one.base_url for one in servers)))
        run(settings, once=True, trackers=[FolderTracker(home / "tracker")])
        wrong += [f"refused: {said}" for one in servers for said in one.refused]
    read = list(_read(settings))
    wrong += _compared(instrumentor, got, [call for call, _ in read])
    wrong += _unexplained(instrumentor, read)
    explained = sum(ended.startswith("explained") for _, ended in read)
    installed = made.versions(environment, packages)
    return Outcome(installed, len(got), len(read), explained, wrong, received, requests)


def _application(command: list[str], told: dict[str, str]) -> list[str]:
    """Run it; what went wrong."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command,
        env=own | _QUIET | told,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    last = " ".join(done.stderr.split())[-1500:]
    return [f"the application ended with {done.returncode}: {last}"] if done.returncode else []


def _tables(openai: str, anthropic: str, thinks: str) -> dict[str, Any]:
    common = {"temperature_zero_is_deterministic": True, "retries": 0}
    return {
        "models": {
            "gpt-4o-mini": {"kind": "endpoint", "base_url": openai, **common},
            "openai/gpt-4o-mini": {
                "kind": "endpoint",
                "base_url": openai,
                "model": "gpt-4o-mini",
                **common,
            },
            "gpt-5-mini": {"kind": "endpoint", "base_url": openai, **common},
            "qwen3": {"kind": "endpoint", "base_url": thinks, **common},
            "claude-sonnet-4-5": {"kind": "anthropic", "base_url": anthropic, "retries": 0},
        },
        "sampling": {"rate": 1.0},
        "budget": {"calls_per_explanation": 24, "usd_per_explanation": None},
        "worker": {"poll_seconds": 0.1},
    }


def _answering(path: str) -> Callable[[dict[str, Any]], str | list[dict[str, Any]]]:
    return _anthropic if "/messages" in path else _openai


def _openai(body: dict[str, Any]) -> str | list[dict[str, Any]]:
    messages = body.get("messages") or body["input"]
    text = messages if isinstance(messages, str) else json.dumps(messages)
    named = [tool.get("function", tool)["name"] for tool in body.get("tools") or ()]
    if "response_format" in body or "format" in body.get("text", {}):
        return _as_json(text)
    return _planted(text, named, "arguments")


def _thinking(body: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = strict_openai.reply(_openai(body), body)["choices"][0]["message"]
    return message | {"reasoning_content": "Let me see."}


def _anthropic(body: dict[str, Any]) -> str | list[dict[str, Any]]:
    text = json.dumps(body["messages"])
    if "format" in body.get("output_config", {}):
        return _as_json(text)
    answer = _planted(text, [tool["name"] for tool in body.get("tools", ())], "input")
    if body.get("thinking", {}).get("type", "disabled") == "disabled":
        return answer
    blocks = [{"type": "text", "text": answer}] if isinstance(answer, str) else answer
    return [{"type": "thinking", "thinking": "Let me see.", "signature": "c2lnbmVk"}, *blocks]


def _as_json(text: str) -> str:
    return '{"months":24}' if _MONTHS.search(text) else '{"months":null}'


def _planted(text: str, tools: list[str], arguments: str) -> str | list[dict[str, Any]]:
    """The answer stands in what was retrieved, or in a tool's result; else a tool is called."""
    if _MONTHS.search(text):
        if "final_answer" in tools:  # smolagents answers by a tool
            return [{"name": "final_answer", "arguments": {"answer": _ANSWER}}]
        return _BY_FIELDS if "[[ ## answer ## ]]" in text else _ANSWER
    if not _KETTLE.search(text):
        return "Which product do you mean?"
    looks_up = next((name for name in tools if name.endswith("look_up_warranty")), None)
    if looks_up and not _RESULT.search(text):
        called = {"name": looks_up, arguments: {"product": "kettle"}}
        return [{"type": "tool_use", **called} if arguments == "input" else called]
    return "That is not known."


def _read(settings: Settings) -> Iterator[tuple[Call, str]]:
    """The calls in order of start, each with how its job ended."""
    with Store.open(settings) as store:
        for call_id in store.traces.find_calls(""):
            call, explanation = store.traces.call(call_id), store.explanation(call_id)
            job = store.jobs.unexplained(call_id)
            assert call is not None
            if explanation is not None:
                drivers = [
                    s.text for s in explanation.ranked if s.significant and s.attribution > 0
                ]
                yield call, f"explained: {explanation.status} by {drivers}"
            else:
                yield call, "no job" if job is None else f"{job.state}: {job.reason}"


def _compared(instrumentor: Instrumentor, got: list[Row], calls: list[Call]) -> list[str]:
    """Where what was read is not what the server got."""
    application, lacks = instrumentor.application, instrumentor.lacks
    names = application.calls
    wrong = []
    if len(got) != len(names):
        wrong.append(f"the server got {len(got)} calls, not {len(names)}")
    sent = [(name, row) for name, row in zip(names, got, strict=False) if name not in lacks]
    if len(calls) != len(sent):
        wrong.append(f"{len(calls)} calls were read, not {len(sent)}")
    for (name, row), call in zip(sent, calls, strict=False):
        want = _comparable(replace(row, documents=application.documents.get(name, ())), lacks)
        found = _comparable(row_of(call), lacks)
        for field in _COMPARED:
            if {field, f"{name}.{field}"} & lacks:
                continue
            if getattr(want, field) != getattr(found, field):
                pair = (getattr(want, field), getattr(found, field))
                wrong.append(f"{name}: the {field} are not {pair[0]!r} but {pair[1]!r}")
    return wrong


def _comparable(row: Row, lacks: frozenset[str]) -> Row:
    """Results of tools and the system's messages under one role, no empty texts, and parameters
    under one name, without those that are not written."""
    messages = tuple((_role(said), *(i for i in said[1:] if i != "")) for said in row.messages)
    parameters = {k: v for k, v in served.parameters(row.parameters).items() if k not in lacks}
    return replace(row, messages=messages, parameters=parameters)


def _role(said: Said) -> str:
    if said[1:] and all(isinstance(i, tuple) and i[0] == "result" for i in said[1:]):
        return "tool"
    return "system" if said[0] == "developer" else str(said[0])


def _unexplained(instrumentor: Instrumentor, read: list[tuple[Call, str]]) -> list[str]:
    """Which calls were not explained by what the answer stands in. Of a call without its messages,
    or a content of theirs, that is right; one that calls a tool, or has called one, is not asked
    again without its tools."""
    names = [name for name in instrumentor.application.calls if name not in instrumentor.lacks]
    wrong = []
    for name, (call, ended) in zip(names, read, strict=False):
        if not any(map(has_content, call.messages)):
            right = _EXPLAINED.match(ended) is None
        elif {f"{name}.{what}" for what in _OF_A_REQUEST} & instrumentor.lacks:
            right = ended.startswith(_NOT_WHOLE) or _EXPLAINED.match(ended) is not None
        elif "tools" in instrumentor.lacks and _misses_its_tools(call):
            right = ended.startswith(_NO_TOOLS)
        else:
            right = _EXPLAINED.match(ended) is not None
        if not right:
            wrong.append(f"{name}: {ended}")
    return wrong


def _misses_its_tools(call: Call) -> bool:
    calls = call.tool_calls or any(map(called_tools, call.messages))
    return bool(calls) and not call.parameters.get("tools")
