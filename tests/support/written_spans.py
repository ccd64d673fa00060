"""Spans of instrumentors that were not run, written from their documentation or their source."""

import json
from typing import Any

from smile_trace.records import Span
from tests.instrumentors.applications.texts import CONTEXT, QUESTION, SYSTEM
from tests.support.recorded_calls import ANSWER, PICTURE

_SCHEMA = {"type": "object", "properties": {"product": {"type": "string"}}, "required": ["product"]}
_DECLARED = {
    "name": "look_up_warranty",
    "description": "Looks up a warranty.",
    "parameters_json_schema": _SCHEMA,
}


def span(number: int, scope: str, attributes: dict[str, Any], **more: Any) -> Span:
    """A span of its own in one trace."""
    return Span(
        trace_id="c" * 32,
        span_id=f"{number:016x}",
        name=f"{scope}.{number}",
        start_ns=number,
        end_ns=number + 1,
        scope=scope,
        attributes=attributes,
        **more,
    )


_ADK_REQUEST = {
    "model": "gemini-2.5-flash",
    "config": {
        "system_instruction": SYSTEM,
        "temperature": 0.2,
        "max_output_tokens": 50,
        "http_options": {"headers": {"x": "y"}},
        "tools": [{"function_declarations": [_DECLARED]}],
    },
    "contents": [
        {"role": "user", "parts": [{"text": QUESTION}]},
        {
            "role": "model",
            "parts": [
                {
                    "function_call": {
                        "id": "call_1",
                        "name": "look_up_warranty",
                        "args": {"product": "kettle"},
                    }
                }
            ],
        },
        {
            "role": "user",
            "parts": [
                {
                    "function_response": {
                        "id": "call_1",
                        "name": "look_up_warranty",
                        "response": {"months": 24},
                    }
                }
            ],
        },
    ],
}
_ADK_RESPONSE = {
    "content": {
        "role": "model",
        "parts": [{"text": "Let me see.", "thought": True}, {"text": ANSWER}],
    },
    "usage_metadata": {"prompt_token_count": 42, "candidates_token_count": 9},
}
ADK = span(
    1,
    "gcp.vertex.agent",
    {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.system": "gcp.vertex.agent",
        "gen_ai.request.model": "gemini-2.5-flash",
        "gcp.vertex.agent.session_id": "s-1",
        "gcp.vertex.agent.llm_request": json.dumps(_ADK_REQUEST),
        "gcp.vertex.agent.llm_response": json.dumps(_ADK_RESPONSE),
    },
)

_EVENTS = [
    {"event.name": "gen_ai.system.message", "content": SYSTEM, "role": "system"},
    {"event.name": "gen_ai.user.message", "content": CONTEXT, "role": "user"},
    {
        "event.name": "gen_ai.choice",
        "index": 0,
        "message": {"role": "assistant", "content": ANSWER},
    },
]
PYDANTIC_AI = span(
    2,
    "pydantic-ai",
    {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o-mini",
        "model_request_parameters": json.dumps({"function_tools": [_DECLARED]}),
        "events": json.dumps(_EVENTS),
    },
)

_SENT = [
    {"role": "system", "content": SYSTEM},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": CONTEXT},
            {"type": "image_url", "image_url": {"url": PICTURE}},
        ],
    },
]
LOGFIRE = span(
    3,
    "logfire.openai",
    {
        "request_data": json.dumps(
            {"messages": _SENT, "model": "gpt-4o-mini", "temperature": 0.2, "stream": False}
        ),
        "response_data": json.dumps(
            {
                "message": {"role": "assistant", "content": ANSWER},
                "usage": {"prompt_tokens": 42, "completion_tokens": 9},
            }
        ),
    },
)

_SYSTEM_PART = [{"type": "text", "content": SYSTEM}]
OPENLIT = span(
    4,
    "openlit.otel.tracing",
    {
        "telemetry.sdk.name": "openlit",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.seed": 0,
        "gen_ai.request.max_tokens": -1,
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_p": 1.0,
        "gen_ai.request.presence_penalty": 0.0,
        "gen_ai.request.frequency_penalty": 0.0,
        "gen_ai.system_instructions": json.dumps(_SYSTEM_PART),
        "gen_ai.input.messages": json.dumps(
            [
                {"role": "system", "parts": _SYSTEM_PART},
                {"role": "user", "parts": [{"type": "text", "content": CONTEXT}]},
            ]
        ),
        "gen_ai.output.messages": json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": ANSWER}]}]
        ),
    },
)
_TURNS = [
    {"role": "system", "content": SYSTEM},
    {"role": "user", "content": [{"type": "text", "text": CONTEXT}]},
]
_CALLED = {"toolCallId": "call_1", "toolName": "look_up_warranty", "args": {"product": "kettle"}}
MASTRA = span(  # what stands on three spans, on one
    5,
    "@mastra/otel-exporter",
    {
        "mastra.span.type": "model_inference",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o-mini",
        "mastra.model_generation.input": json.dumps({"messages": _TURNS}),
        "mastra.model_step.input": json.dumps([*_TURNS, {"role": "tool", "content": "[file]"}]),
        "mastra.model_step.output": json.dumps({"text": "", "toolCalls": [_CALLED]}),
        "mastra.metadata.body": json.dumps({"usage": {"prompt_tokens": 42}}),
    },
)
WRITTEN = (ADK, PYDANTIC_AI, LOGFIRE, OPENLIT, MASTRA)
