"""What a record holds: prompts, answers, errors, feedback."""

import asyncio
import hashlib
import math
from typing import Any

import pytest

import smile_trace
from smile_trace import semconv
from smile_trace._guards import internal_errors
from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace.records import Media, Message
from smile_trace.testing import Captured

TEXT_BLOCK = {"type": "text", "text": "hi"}
TOOL_CALL = {"id": "t", "function": {"name": "f", "arguments": "{}"}}


def trace_of(code: str, **options: Any) -> Any:
    """A function defined by its parameters, decorated."""
    scope: dict[str, Any] = {}
    exec(f"def f({code}): return 'answer'", scope)
    return smile_trace.trace(**options)(scope["f"])


@pytest.mark.parametrize(
    ("parameters", "args", "prompt"),
    [
        ("prompt", ("a",), "a"),
        ("tone, prompt", ("kind", "a"), "a"),
        ("tone, messages", ("kind", [{"role": "user", "content": "a"}]), "a"),
        ("question", ("a",), "a"),
        ("question, model='gpt'", ("a",), "a"),
        ("question, count", ("a", 3), "a"),
        ("text='a'", (), "a"),
        ("one, two", ("a", "b"), None),
        ("*texts", ("a",), None),
        ("count", (3,), None),
        ("self, question", (object(), "a"), "a"),
        ("prompt", (3,), None),
    ],
)
def test_which_argument_is_the_prompt(
    parameters: str, args: tuple[Any, ...], prompt: str | None, found: Captured
) -> None:
    trace_of(parameters)(*args)
    calls = found.calls
    assert [m.content for c in calls for m in c.messages] == ([] if prompt is None else [prompt])


def test_the_prompt_may_be_named(found: Captured) -> None:
    trace_of("one, two", prompt="two")("a", "b")
    trace_of("**more", prompt="text")(text="c")
    assert [c.messages[0].content for c in found.calls] == ["b", "c"]


def test_the_fields_of_a_call(found: Captured) -> None:
    with smile_trace.span("request", session="s-1", user="u-1"):
        trace_of(
            "prompt, temperature=0.5, max_tokens=9",
            model="m",
            provider="p",
            tags={"team": "support"},
            metadata={"n": [1, math.inf]},
        )("a")
    [call] = found.calls
    assert (call.model, call.provider, call.answer) == ("m", "p", "answer")
    assert call.parameters == {"temperature": 0.5, "max_tokens": 9}
    assert (call.session, call.user, call.tags) == ("s-1", "u-1", {"team": "support"})
    assert call.metadata == {"n": [1, "inf"]}
    root = next(span for span in found.spans if span.name == "request")
    assert call.trace_id == root.trace_id
    llm = next(span for span in found.spans if span.span_id == call.span_id)
    assert (llm.name, llm.attributes[semconv.NAME]) == ("chat m", "f")


def test_record_states_what_was_sent(found: Captured) -> None:
    from openai.types.chat import ChatCompletion

    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "why?"}]
    response = ChatCompletion.model_validate(
        {
            "id": "c-1",
            "object": "chat.completion",
            "created": 1,
            "model": "m-2026",
            "choices": [
                {
                    "index": k,
                    "finish_reason": why,
                    "message": {"role": "assistant", "content": said},
                }
                for k, (why, said) in enumerate([("stop", "so"), ("length", "or")])
            ],
            "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
        }
    )

    @smile_trace.trace
    def answer(question: str) -> int:
        request = {"messages": messages, "model": "m", "seed": 3, "stop": ["."], "api_key": "k"}
        smile_trace.record(response=response, provider="openai", parameters=request)
        messages.append({"role": "user", "content": "changed later"})
        return 7

    assert answer("why?") == 7
    [call] = found.calls
    assert call.messages == (
        Message(role="system", content="be brief"),
        Message(role="user", content="why?"),
    )
    assert (call.answer, call.model, call.provider) == ("so", "m", "openai")
    assert (call.response_id, call.finish_reason) == ("c-1", "stop")
    assert call.parameters == {"seed": 3, "stop": ["."]}
    assert call.usage is not None
    assert (call.usage.input_tokens, call.usage.output_tokens) == (5, 1)


def test_a_completion(found: Captured) -> None:
    @smile_trace.trace
    def complete(text: str) -> str:
        smile_trace.record(prompt=text, parameters={"max_tokens": 4})
        return "Paris"

    complete("The capital of France is")
    [call] = found.calls
    assert (call.form, call.parameters, call.answer) == ("completion", {"max_tokens": 4}, "Paris")


@pytest.mark.parametrize(
    ("value", "answer", "why"),
    [
        ("text", "text", None),
        ("", "", None),
        (None, None, "the function returned None"),
        ({"a": [1]}, '{"a":[1]}', None),
        (iter("abc"), None, "stream, content not captured"),
        (3.5, "3.5", None),
        (range(2), "range(0, 2)", None),
        ({"type": "message", "role": "assistant", "content": [TEXT_BLOCK]}, "hi", None),
        ({"choices": [{"text": "yo", "finish_reason": "stop"}]}, "yo", None),
        (
            {"choices": [{"message": {"role": "assistant", "tool_calls": [TOOL_CALL]}}]},
            '{"tool_calls": [{"name": "f", "arguments": {}}]}',
            None,
        ),
        (
            {"choices": [{"message": {"role": "assistant", "content": None, "refusal": "no"}}]},
            '{"refusal": "no"}',
            None,
        ),
    ],
)
def test_answers(value: Any, answer: str | None, why: str | None, found: Captured) -> None:
    given = value
    assert smile_trace.trace(lambda prompt: value)("x") is given
    [call] = found.calls
    assert call.answer == answer
    assert (call.no_content or "").startswith(why or "")
    assert (call.no_content is None) == (why is None)


def test_a_stream_object_is_returned_untouched(found: Captured) -> None:
    stream = iter(["a", "b"])
    assert list(smile_trace.trace(lambda prompt: stream)("x")) == ["a", "b"]
    assert 'smile_trace.instrument("openai")' in str(found.calls[0].no_content)


def test_time_to_the_first_chunk(found: Captured) -> None:
    @smile_trace.trace
    def stream(prompt: str) -> Any:
        yield "a"
        yield "b"

    list(stream("x"))
    [span] = found.spans
    assert 0 < span.attributes["smile_trace.first_chunk_seconds"] < 5


def test_a_call_that_raised(found: Captured) -> None:
    @smile_trace.trace
    def ask(prompt: str) -> str:
        raise LookupError("nothing there")

    with pytest.raises(LookupError):
        ask("x")
    [call] = found.calls
    assert (call.status, call.answer, call.no_content) == ("raised", None, None)
    assert call.error == "LookupError: nothing there"
    [event] = found.spans[0].events
    assert "in ask" in event["attributes"]["exception.stacktrace"]


async def test_a_call_that_was_cancelled(found: Captured) -> None:
    @smile_trace.trace
    async def ask(prompt: str) -> str:
        await asyncio.sleep(60)
        return "never"

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ask("x"), 0.01)
    assert [c.status for c in found.calls] == ["cancelled"]


def _with_image(data: str) -> list[dict[str, Any]]:
    content = [
        {"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
    ]
    return [{"role": "user", "content": content}]


def test_an_image_is_kept_as_it_was_sent_unless_it_is_large(found: Captured) -> None:
    trace_of("messages")(_with_image("aGVsbG8="))
    trace_of("messages")(_with_image("aGVsbG8h" * 40_000))
    call, large = found.calls
    assert call.messages[0].content == "what is it?\nimage (png, 5 bytes)"
    assert call.messages[0].parts[1] == Media(
        modality="image", uri="data:image/png;base64,aGVsbG8=", media_type="image/png"
    )
    assert call.not_repeatable is None
    assert large.messages[0].content == "what is it?\nimage (png, 240 kB)"
    assert large.not_repeatable == "the data of its image was not kept"
    assert not large.truncated
    text = found.lines[1].decode()
    assert "aGVsbG8" not in text
    assert hashlib.sha256(b"hello!" * 40_000).hexdigest() in text


def test_a_text_over_the_limit_is_truncated_with_a_mark(found: Captured) -> None:
    trace_of("prompt")("x" * 300_000)
    trace_of("prompt")("x" * 262_144)
    truncated, whole = found.calls
    assert truncated.truncated
    mark = "x… [truncated by smile-trace: 300,000 characters]"
    assert truncated.messages[0].content.endswith(mark)
    assert len(truncated.messages[0].content) < 263_000
    assert not whole.truncated
    assert len(whole.messages[0].content) == 262_144


def test_hostile_text_is_written_unchanged(found: Captured) -> None:
    text = "<script>]]>{braces}\x00\x1b[31m|a|\n" + "😀" * 10_000 + "\u202eabc \ud800"
    trace_of("prompt")(text)
    assert found.calls[0].messages[0].content == text.replace("\ud800", "\ufffd")


def test_feedback(found: Captured) -> None:
    @smile_trace.trace
    def ask(prompt: str) -> str:
        return str(smile_trace.current_trace_id())

    trace_id = ask("x")
    smile_trace.feedback(trace_id, True, comment="good")
    [feedback] = found.feedback
    assert (feedback.trace_id, feedback.score, feedback.comment) == (trace_id, 1.0, "good")
    assert len(found.calls) == 1
    assert len(trace_id) == 32


@pytest.mark.parametrize("args", [("no id", 1), ("a" * 32, math.nan), ("a" * 32, "x"), (None, 1)])
def test_feedback_never_raises(args: Any, found: Captured) -> None:
    smile_trace.feedback(*args)
    assert found.feedback == []
    assert sum(internal_errors.counts().values()) == 1


def test_record_outside_of_a_call_is_an_internal_error() -> None:
    smile_trace.record(messages="x")
    assert sum(internal_errors.counts().values()) == 1


def test_our_own_calls_are_invisible(found: Captured) -> None:
    from opentelemetry import context

    with suppress_instrumentation():
        trace_of("prompt")("x")
        assert context.get_value("suppress_instrumentation") is True
        assert smile_trace.current_trace_id() is None
    trace_of("prompt")("y")
    assert [c.messages[0].content for c in found.calls] == ["y"]


def test_rerun_says_how_to_call_again(found: Captured) -> None:
    ask_again("x", tone="kind")
    [call] = found.calls
    assert call.rerun == f"{__name__}:ask_again"
    assert call.rerun_arguments == {"prompt": "prompt", "arguments": {"tone": "kind", "n": 1}}
    assert ask_again.__smile_trace_rerun__.function("p", n=2) == "p2"  # type: ignore[attr-defined]


def test_messages_other_than_the_argument_cannot_be_rerun(found: Captured) -> None:
    wrap_and_ask("x")
    same_and_ask("y")
    assert [call.rerun for call in found.calls] == [None, f"{__name__}:same_and_ask"]


@smile_trace.trace(rerun=True)
def ask_again(prompt: str, tone: str = "", n: int = 1) -> str:
    return f"{prompt}{n}"


@smile_trace.trace(rerun=True)
def wrap_and_ask(prompt: str) -> str:
    smile_trace.record(messages=[{"role": "user", "content": f"Be kind. {prompt}"}])
    return prompt


@smile_trace.trace(rerun=True)
def same_and_ask(prompt: str) -> str:
    smile_trace.record(messages=[{"role": "user", "content": prompt}])
    return prompt


def test_a_prompt_behind_an_image_is_where_it_stands(found: Captured) -> None:
    prompt = smile_trace.Prompt("look", version="1", template="What is {what}?")
    messages = _with_image("aGVsbG8=")
    messages[0]["content"] = [messages[0]["content"][1], {"type": "text", "text": "Look. "}]
    messages[0]["content"].append({"type": "text", "text": prompt.format(what="it")})
    trace_of("messages")(messages)
    [call] = found.calls
    [use] = call.prompts
    content = call.messages[0].content
    assert content == "image (png, 5 bytes)\nLook. \nWhat is it?"
    assert content[use.start : use.end] == "What is it?"
    [span] = use.variable_spans
    assert content[span.start : span.end] == "it"
