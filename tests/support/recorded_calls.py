"""What the recorded spans of other instrumentors hold, counted by hand.

Each application asked a planted server the same things; what its instrumentor wrote of it stands in
`tests/data/otlp/<package>-<version>[.<mode>].jsonl` (OTLP/JSON; `*.logs.jsonl` are logs, and
`*.requests.jsonl` what the server received).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from smile_trace.dialects import assemble
from smile_trace.records import (
    JSON,
    Call,
    Media,
    Message,
    OtherPart,
    Reasoning,
    Span,
    TextPart,
    ToolCall,
    ToolResult,
    Trace,
)
from smile_trace.records.formats.otlp import read_line
from tests.instrumentors.applications.texts import (
    CONTEXT,
    NUMBERED,
    QUESTION,
    RETURNS,
    SYSTEM,
    TEMPLATE,
    WARRANTY,
)
from tests.support.paths import ROOT

FOLDER = ROOT / "tests/data/otlp"

PLAIN_CONTEXT = f"Context:\n{WARRANTY}\n{RETURNS}\n\nQuestion: {QUESTION}"
ANSWER = "The warranty of your kettle lasts 24 months."
CALLS_TOOL = '{"tool_calls": [{"name": "look_up_warranty", "arguments": {"product": "kettle"}}]}'
PICTURE = "data:image/png;base64,iVBORw0KGgo="
TOOL = ("look_up_warranty", "Looks up a warranty.", ("product",))

Item = str | tuple[str, ...] | None
"""A text, a call of a tool, its result, an image; None for what was not captured."""
Said = tuple[Item, ...]
"""A role, then the message's items."""

UNKNOWN = "not captured"
CHAT: tuple[Said, ...] = (("system", SYSTEM), ("user", CONTEXT))
ASK: tuple[Said, ...] = (("system", SYSTEM), ("user", QUESTION))
PARTS: tuple[Said, ...] = (("system", SYSTEM), ("user", NUMBERED, QUESTION))
IMAGE: tuple[Said, ...] = (("user", "What is this?", ("image", PICTURE)),)
_CALLED = ("call", "call_1", "look_up_warranty", '{"product": "kettle"}')
AFTER: tuple[Said, ...] = (
    *ASK,
    ("assistant", _CALLED),
    ("tool", ("result", "call_1", '{"months": 24}')),
)
_AFTER_0: tuple[Said, ...] = (
    *ASK,
    ("assistant", ("call", "call_0", *_CALLED[2:])),
    ("tool", ("result", "call_0", '{"months": 24}')),
)
AFTER_USER: tuple[Said, ...] = (*AFTER[:3], ("user", *AFTER[3][1:]))


@dataclass(frozen=True)
class Row:
    """One call."""

    messages: tuple[Said, ...] = CHAT
    answer: str | None = ANSWER
    form: str = "chat"
    model: str = "gpt-4o-mini"
    tools: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    documents: tuple[str, ...] = ()
    parameters: dict[str, JSON] = field(default_factory=dict)
    template: tuple[str, str] | None = None
    usage: tuple[int | None, int | None] | None = (42, 9)
    status: str = "returned"
    session: str | None = None
    user: str | None = None


def _but(rows: dict[str, Row], **changes: Any) -> dict[str, Row]:
    """The rows with changes: of all (`every`), of one by its name, or without it (None)."""
    every = changes.pop("every", {})
    changed = {name: replace(row, **every) for name, row in rows.items()}
    for name, change in changes.items():
        if change is None:
            del changed[name]
        else:
            changed[name] = replace(changed[name], **change)
    return changed


OPENAI = {
    "chat": Row(
        parameters={
            "temperature": 0.2,
            "top_p": 0.9,
            "max_tokens": 50,
            "seed": 7,
            "stop": ["\n\n"],
        }
    ),
    "stream": Row(),
    "tool_call": Row(ASK, CALLS_TOOL, tools=(TOOL,)),
    "tool_result": Row(AFTER, tools=(TOOL,)),
    "parts": Row(PARTS),
    "image": Row(IMAGE),
    "two": Row(parameters={"n": 2}),
    "error": Row(answer=None, model="broken", status="raised", usage=None),
    "responses": Row(parameters={"temperature": 0.2}),
    "responses_list": Row(),
    "completion": Row(
        (("user", CONTEXT),),
        " " + ANSWER,
        form="completion",
        model="gpt-3.5-turbo-instruct",
        parameters={"max_tokens": 20},
    ),
}
"""The application asked for an embedding, too, which is no call."""
BY_ITEMS = _but(OPENAI, responses={"form": "responses"}, responses_list={"form": "responses"})
"""Where the instrumentor says which of OpenAI's APIs was asked."""
_NO_STOP = {k: v for k, v in OPENAI["chat"].parameters.items() if k != "stop"}
_NO_SEED: dict[str, JSON] = {"temperature": 0.2, "top_p": 0.9, "max_tokens": 50}

_LANGCHAIN: dict[str, JSON] = {"temperature": 0.2, "seed": 7, "max_completion_tokens": 50}
_CHAIN: tuple[Said, ...] = (("system", SYSTEM), ("user", PLAIN_CONTEXT))
LANGCHAIN = _but(
    {
        "chain": Row(_CHAIN, documents=(WARRANTY, RETURNS), template=("user", TEMPLATE)),
        "stream": Row(template=("user", TEMPLATE), usage=None),
        "tool_call": Row(ASK, CALLS_TOOL, tools=(TOOL,)),
        "tool_result": Row(AFTER, tools=(TOOL,)),
        "agent": Row(ASK, CALLS_TOOL, tools=(TOOL,)),
        "agent_again": Row(AFTER, tools=(TOOL,)),
    },
    every={"parameters": _LANGCHAIN},
)
_SHORTER: dict[str, JSON] = {"temperature": 0.2, "max_completion_tokens": 50}


def _renamed(said: Said) -> Said:
    """The same with Anthropic's ids."""
    return tuple(
        (item[0], "toolu_1", *item[2:]) if isinstance(item, tuple) else item for item in said
    )


ANTHROPIC = _but(
    {
        "chat": Row(),
        "system_blocks": Row(PARTS),
        "stream": Row(),
        "stream_create": Row(),
        "tool_call": Row(ASK, CALLS_TOOL, tools=(TOOL,)),
        "tool_result": Row(tuple(map(_renamed, AFTER_USER)), tools=(TOOL,)),
    },
    every={"model": "claude-sonnet-4-5", "parameters": {"max_tokens": 50}},
)
_STOP: dict[str, JSON] = {"max_tokens": 50, "stop": ["\n\nHuman"]}

_PYDANTIC: dict[str, JSON] = {"temperature": 0.2, "seed": 7, "max_tokens": 50}
PYDANTIC_AI = {
    "agent": Row(ASK, CALLS_TOOL, tools=(TOOL,), parameters=_PYDANTIC, session="?"),
    "agent_again": Row(AFTER_USER, tools=(TOOL,), parameters=_PYDANTIC, session="?"),
    "rag": Row(session="?"),
    "stream": Row(session="?"),
    "responses": Row(form="responses", session="?"),
}
_HIDDEN_CALL = ("call", "call_1", "look_up_warranty", "{}")
_HIDDEN: dict[str, Any] = {"answer": None, "messages": ()}

_LLAMA: tuple[Said, ...] = (
    (
        "system",
        "You are an expert Q&A system that is trusted around the world.\nAlways answer the query "
        "using the provided context information, and not prior knowledge.\nSome rules to follow:\n"
        "1. Never directly reference the given context in your answer.\n2. Avoid statements like "
        "'Based on the context, ...' or 'The context information ...' or anything along those "
        "lines.",
    ),
    (
        "user",
        "Context information is below.\n---------------------\nReturns are accepted within 30 days."
        f"\n\n{WARRANTY}\n---------------------\nGiven the context information and not prior "
        f"knowledge, answer the query.\nQuery: {QUESTION}\nAnswer: ",
    ),
)
_DSPY: tuple[Said, ...] = (
    (
        "system",
        "Your input fields are:\n1. `context` (str): \n2. `question` (str):\nYour output fields are"
        ":\n1. `reasoning` (str): \n2. `answer` (str):\nAll interactions will be structured in the "
        "following way, with the appropriate values filled in.\n\n[[ ## context ## ]]\n{context}\n"
        "\n[[ ## question ## ]]\n{question}\n\n[[ ## reasoning ## ]]\n{reasoning}\n\n[[ ## answer "
        "## ]]\n{answer}\n\n[[ ## completed ## ]]\nIn adhering to this structure, your objective is"
        ": \n        Answer in one sentence from the context.",
    ),
    (
        "user",
        f"[[ ## context ## ]]\n{NUMBERED}\n\n[[ ## question ## ]]\n{QUESTION}\n\nRespond with the "
        "corresponding output fields, starting with the field `[[ ## reasoning ## ]]`, then "
        "`[[ ## answer ## ]]`, and then ending with the marker for `[[ ## completed ## ]]`.",
    ),
)
_ASSISTED = (
    f"[[ ## reasoning ## ]]\nDocument 1 says so.\n\n[[ ## answer ## ]]\n{ANSWER}\n\n"
    "[[ ## completed ## ]]"
)
_LIMITED: dict[str, JSON] = {"temperature": 0.2, "max_tokens": 50}
_ONE = {"auto": Row((("user", "How long is the warranty?"),))}
_DATED = "gpt-4o-mini-2024-07-18"
_RAG = Row(documents=(f"[1] {WARRANTY}", f"[2] {RETURNS}"))


def _attachment(uri: str) -> dict[str, Any]:
    return {"messages": (("user", "What is this?", ("image", uri)),)}


_MLFLOW = "mlflow-attachment://{}?content_type=image%2Fpng&trace_id={}&size=8"
_MLFLOW_IMAGE = _attachment(
    _MLFLOW.format("077dc687-1e76-438e-b7af-982254438da4", "tr-f96ee174e7fe5333b116c5f4fa515b05")
)
_MLFLOW_GENAI_IMAGE = _attachment(
    _MLFLOW.format("adb6ee75-6062-48e5-aba5-92e2c51ecd68", "tr-6ecb9e5540394eb420c92f9404117177")
)
_LANGFUSE_IMAGE = _attachment(
    "@@@langfuseMedia:type=image/png|id=TEtqO-ExSrhhOL70MU3eAi|source=base64_data_uri@@@"
)


def _hidden(rows: dict[str, Row]) -> dict[str, Row]:
    """The same with nothing but the roles of the messages captured."""
    return {
        name: replace(
            row,
            answer=None,
            tools=(),
            messages=tuple(
                (
                    said[0],
                    *(
                        (_HIDDEN_CALL if isinstance(i, tuple) and i[0] == "call" else None)
                        for i in said[1:2]
                    ),
                )
                for said in row.messages
            ),
        )
        for name, row in rows.items()
    }


_COLD: dict[str, Any] = {"parameters": {"temperature": 0}}
_AFTER = (
    *ASK,
    ("assistant", ("call", "call_0", *_CALLED[2:])),
    ("tool", ("result", "call_0", '{"months": 24}')),
)
_ADK = (
    (
        "system",
        f'{SYSTEM}\n\nYou are an agent. Your internal name is "support".',
    ),
)
_ADK_AFTER = (
    *_ADK,
    *_AFTER[1:3],
    ("user", ("result", "call_0", '{"result": "{\\"months\\": 24}"}')),
)

_NET = _but(
    {
        "chat": Row(usage=(50, 8)),
        "tool_call": Row(ASK, CALLS_TOOL, usage=(26, 5)),
        "tool_result": Row(_AFTER, usage=(46, 8)),
    },
    every={"parameters": {"max_tokens": 50, **_COLD["parameters"]}},
)
_UNSEEN = Row((), None, usage=None)
_UNDESCRIBED = (TOOL[0], "", TOOL[2])

RECORDED: dict[str, dict[str, Row]] = {
    "genkit-ai-otel-1.42.0.from-source": {
        "chat": Row(parameters={"temperature": 0.2, "max_tokens": 50}, usage=(50, 8)),
        "tool_call": Row(ASK, CALLS_TOOL, usage=(26, 5)),
        "image": Row((CHAT[0], (*CHAT[1], ("image", PICTURE))), usage=(58, 8)),
        "format": Row(answer='{"months":24}', usage=(50, 1)),
        "own_form": Row(ASK, CALLS_TOOL, tools=(_UNDESCRIBED,), usage=(26, 5)),
    },
    "google-adk-1.14.1": _but(
        {
            "context": Row((*_ADK, CHAT[1]), usage=(58, 8)),
            "tool_call": Row((*_ADK, ASK[1]), CALLS_TOOL, tools=(TOOL,), usage=(34, 5)),
            "tool_result": Row(_ADK_AFTER, tools=(TOOL,), usage=(55, 8)),
        },
        every={"model": "openai/gpt-4o-mini", "session": "?", **_COLD},
    ),
    "langchain4j-observation-1.20.0.from-source": {str(n): _UNSEEN for n in range(3)},
    "langfuse-5.0.4.langchain": _but(LANGCHAIN, every={"parameters": _SHORTER}),
    "langfuse-5.0.4.observe": {
        "own_llm": replace(_RAG, model="my-model", parameters={"temperature": 0.2}),
        "named_generation": replace(_RAG, model=_DATED),
        "with_prompt": Row(model=_DATED, template=("system", SYSTEM)),
    },
    "langfuse-5.0.4.openai": _but(
        BY_ITEMS,
        every={"session": "s-1", "user": "u-1"},
        chat={"parameters": _NO_STOP, "model": _DATED},
        stream={"model": _DATED},
        tool_call={"model": _DATED},
        tool_result={"model": _DATED},
        parts={"model": _DATED},
        image={"model": _DATED, **_LANGFUSE_IMAGE},
        two={"model": _DATED},
        completion={"model": "gpt-3.5-turbo-instruct-2024-07-18"},
    ),
    "langsmith-0.15.1.langchain-only": LANGCHAIN,
    "langsmith-0.15.1.openai-only": BY_ITEMS,
    "logfire-5.4.0": _but(
        BY_ITEMS,
        two={"parameters": {}},
        completion={"messages": ()},
    ),
    "microsoft-extensions-ai-10.10.0.from-source": _but(
        {**_NET, "tool_call": replace(_NET["tool_call"], tools=(TOOL,))},
        every={
            "parameters": {
                "max_tokens": 50,
                "seed": 7,
                "stop": ["Question:"],
                **_COLD["parameters"],
            }
        },
        tool_result={"tools": (TOOL,)},
    ),
    "mlflow-3.17.2.langchain": LANGCHAIN,
    "mlflow-3.17.2.openai-genai": {
        **_but(BY_ITEMS, image=_MLFLOW_GENAI_IMAGE, completion={"answer": None, "usage": None}),
        "rag": Row(),
    },
    "mlflow-3.17.2.openai": {
        **_but(BY_ITEMS, image=_MLFLOW_IMAGE),
        "rag": Row(documents=(f"[1] {WARRANTY}", f"[2] {RETURNS}")),
    },
    "mlflow-3.17.2.pulled": {
        "chain": replace(LANGCHAIN["chain"], usage=(48, 8)),
        "stream": LANGCHAIN["stream"],
        "agent": replace(LANGCHAIN["agent"], usage=(26, 5)),
        "agent_again": Row(_AFTER_0, tools=(TOOL,), parameters=_LANGCHAIN, usage=(48, 8)),
        "loaded_prompt": Row(
            _CHAIN,
            documents=(WARRANTY, RETURNS),
            parameters={"temperature": 0.2},
            template=("user", TEMPLATE),
            usage=(48, 8),
        ),
        "chat_prompt": Row(template=("user", TEMPLATE), usage=(50, 8)),
        "linked_later": Row(template=("user", TEMPLATE), usage=(50, 8)),
    },
    "openinference-instrumentation-anthropic-3.1.0": _but(
        ANTHROPIC,
        chat={"parameters": {"max_tokens": 50, "stop_sequences": ["\n\nHuman"]}},
    ),
    "openinference-instrumentation-dspy-0.1.48": {
        "chain_of_thought": Row(_DSPY, _ASSISTED, parameters=_LIMITED, usage=None),
        "direct": Row((("user", CONTEXT),), parameters=_LIMITED, usage=None),
    },
    "openinference-instrumentation-langchain-0.1.80": LANGCHAIN,
    "openinference-instrumentation-llama-index-4.6.1": {
        "query": Row(_LLAMA, documents=("Returns are accepted within 30 days.", WARRANTY)),
        "chat": Row(),
        "stream": Row(usage=None),
        "complete": Row((("user", CONTEXT),), form="completion"),
    },
    "openinference-instrumentation-openai-0.1.66": {
        **BY_ITEMS,
        "template": Row(template=("user", TEMPLATE), session="s-1", user="u-1"),
    },
    "openinference-instrumentation-pydantic-ai-0.1.30": _but(
        PYDANTIC_AI, agent_again={"messages": AFTER}
    ),
    "opentelemetry-instrument.auto_both": _ONE,
    "opentelemetry-instrument.auto_gzip": _ONE,
    "opentelemetry-instrumentation-anthropic-0.62.4": _but(
        ANTHROPIC, stream={"usage": (42, 18)}, stream_create={"usage": (42, 18)}
    ),
    "opentelemetry-instrumentation-genai-anthropic-1.3b0.span_only": _but(
        ANTHROPIC, chat={"parameters": _STOP}
    ),
    "opentelemetry-instrumentation-genai-langchain-1.3b0.span_only": _but(
        LANGCHAIN, every={"parameters": _PYDANTIC}, chain={"documents": ()}
    ),
    "opentelemetry-instrumentation-genai-llama-index-1.3b0.span_only": {},
    "opentelemetry-instrumentation-genai-openai-agents-1.3b0.span_only": {},
    "opentelemetry-instrumentation-genai-openai-1.3b0": _but(
        BY_ITEMS, every={**_HIDDEN, "tools": ()}, completion=None
    ),
    "opentelemetry-instrumentation-genai-openai-1.3b0.event_only": _but(BY_ITEMS, completion=None),
    "opentelemetry-instrumentation-genai-openai-1.3b0.span_only": _but(BY_ITEMS, completion=None),
    "opentelemetry-instrumentation-langchain-0.62.4": _but(
        LANGCHAIN, every={"parameters": _LIMITED}
    ),
    "opentelemetry-instrumentation-openai-0.44.1": _but(
        OPENAI,
        chat={"parameters": _NO_SEED, "user": "u-1"},
        image={"messages": (("user", None),)},
        two={"parameters": {}},
        responses={"parameters": {}},
        responses_list=None,
    ),
    "opentelemetry-instrumentation-openai-0.62.4": _but(
        BY_ITEMS,
        chat={"parameters": _NO_SEED, "user": "u-1"},
        image={"messages": ()},
        two={"parameters": {}},
        responses_list=None,
    ),
    "opentelemetry-instrumentation-openai-0.62.4.content_false": _but(
        BY_ITEMS,
        every={**_HIDDEN, "tools": ()},
        chat={"parameters": _NO_SEED, "user": "u-1"},
        two={"parameters": {}},
        responses_list=None,
    ),
    "opentelemetry-instrumentation-openai-0.62.4.events": _but(
        BY_ITEMS,
        every={"tools": ()},
        chat={"parameters": _NO_SEED, "user": "u-1"},
        two={"parameters": {}},
        responses_list=None,
    ),
    "opentelemetry-instrumentation-openai-v2-2.4b0": _but(
        _hidden(OPENAI), responses=None, responses_list=None, completion=None
    ),
    "opentelemetry-instrumentation-openai-v2-2.4b0.latest_both": _but(
        OPENAI,
        every={"tools": ()},
        parts={"messages": (("system", SYSTEM), ("user", None))},
        image={"messages": (("user", None),)},
        responses=None,
        responses_list=None,
        completion=None,
    ),
    "pydantic-ai-slim-2.68.0": PYDANTIC_AI,
    "pydantic-ai-slim-2.68.0.nocontent": _but(
        _hidden(PYDANTIC_AI),
        agent={"messages": (("user", None),), "tools": (TOOL,)},
        agent_again={
            "messages": (("user", None), ("assistant", _HIDDEN_CALL), ("user", None)),
            "tools": (TOOL,),
        },
        responses={"messages": (("user", None),)},
    ),
    "pydantic-ai-slim-2.68.0.v2": PYDANTIC_AI,
    "semantic-kernel-dotnet-1.67.0.from-source": {"chat": _NET["chat"]},
    "semantic-kernel-dotnet-1.80.0.from-source": _NET,
    "spring-ai-2.0.1.from-source": {
        str(n): replace(_UNSEEN, parameters=_COLD["parameters"], usage=(None, None))
        for n in range(3)
    },
    "strands-agents-1.62.0": _but(
        {
            "context": Row(),
            "tool_call": Row(ASK, CALLS_TOOL),
            "tool_result": Row(_AFTER),
        },
        every={"usage": (0, 0), "tools": (TOOL,)},
    ),
}
"""The calls of each file, in the order of their traces and starts."""


FILES = sorted(
    path.name.removesuffix(".jsonl")
    for path in FOLDER.glob("*.jsonl")
    if not path.name.endswith((".logs.jsonl", ".requests.jsonl"))
)
"""All recordings. One that has what the server received beside it is held against that, and needs
no rows here."""


def spans_of(name: str) -> list[Span]:
    """All spans of a file, and its logs."""
    found: list[Span] = []
    for path in (FOLDER / f"{name}.logs.jsonl", FOLDER / f"{name}.jsonl"):
        if path.exists():
            for line in path.read_bytes().splitlines():
                spans, errors = read_line(line)
                assert not errors, errors
                found += spans
    return found


def traces_of(spans: Iterable[Span]) -> list[Trace]:
    """Their traces, in order of start."""
    by_trace: dict[str, list[Span]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, []).append(span)
    traces = [assemble(trace_id, found) for trace_id, found in by_trace.items()]
    return sorted(traces, key=lambda trace: trace.spans[0].start_ns)


def calls_of(name: str) -> list[Call]:
    """The calls of a file."""
    return [call for trace in traces_of(spans_of(name)) for call in trace.calls]


def row_of(call: Call) -> Row:
    """A call as it would stand in the table."""
    parameters = {k: v for k, v in call.parameters.items() if k != "tools"}
    use = call.prompts[0] if call.prompts else None
    counted = call.usage
    tokens = None if counted is None else (counted.input_tokens, counted.output_tokens)
    return Row(
        messages=tuple(map(_said, call.messages)),
        answer=call.answer,
        form=call.form,
        model=str(call.model),
        tools=tuple(_tool(tool) for tool in call.parameters.get("tools") or ()),
        documents=tuple(document.text for document in call.documents),
        parameters=parameters,
        template=None if use is None else (call.messages[use.message].role, use.template),
        usage=tokens,
        status=call.status,
        session=call.session,
        user=call.user,
    )


def _said(message: Message) -> Said:
    parts = message.parts or (TextPart(content=message.content),)
    return (message.role, *map(_item, parts))


def _item(part: object) -> Item:
    match part:
        case TextPart():
            return part.content
        case ToolCall():
            arguments = json.loads(part.arguments_text)
            return ("call", str(part.id), part.name, json.dumps(arguments))
        case ToolResult():
            return ("result", str(part.id), *part.texts)
        case Media():
            return (part.modality, str(part.uri))
        case Reasoning():
            return ("reasoning", part.content)
        case OtherPart(raw={"type": "not_captured"}):
            return None
    return ("other", repr(part))


def _tool(tool: JSON) -> tuple[str, str, tuple[str, ...]]:
    inner = tool.get("function", tool)
    schema = inner.get("parameters", inner.get("input_schema")) or {}
    return (inner["name"], inner.get("description", ""), tuple(schema.get("properties", ())))
