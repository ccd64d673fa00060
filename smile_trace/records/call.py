"""Calls and the traces that hold them, as they were captured."""

import math
import re
from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field

from smile_trace._text.prompts import render
from smile_trace._text.titles import document_name
from smile_trace.records.base import JSON, Record, Shared
from smile_trace.records.citation import Citation
from smile_trace.records.formats.reasoning import apart, joined
from smile_trace.records.message import Message, ToolCall

_PIECE = re.compile(r"[A-Z]?[a-z]{1,8}|[A-Z]|[^\sA-Za-z]")
_MARGIN = 8
_CHARACTERS_PER_TOKEN = 4


def answer_limit(answer: str, tokens: int | None = None) -> int:
    """Return the most tokens of a replay of `answer`: its own, and a quarter (at least 8) more.

    Without the provider's count, `tokens`, they are estimated on the safe side: at most eight
    letters of a word, a capital, digit or mark, four characters on average, and every byte that is
    not ASCII.
    """
    if tokens is None or tokens <= 0:
        characters = math.ceil(len(answer) / _CHARACTERS_PER_TOKEN)
        ascii_only = "".join(filter(str.isascii, answer))
        others = len(answer.encode("utf-8", "surrogatepass")) - len(ascii_only)
        tokens = max(len(_PIECE.findall(ascii_only)), characters) + others
    return tokens + max(_MARGIN, tokens // 4)


Form = Literal["chat", "completion", "responses"]
"""The request's shape: chat messages, one text to complete, or OpenAI's Responses items."""

CallStatus = Literal["returned", "raised", "cancelled", "abandoned"]


class Usage(Record):
    """Token counts as the provider reported them; the input includes cached tokens."""

    input_tokens: int | None = None
    output_tokens: int | None = None


class VariableSpan(Record):
    """The place of a template variable's value: characters `[start, end)` of a message."""

    name: str
    start: int
    end: int


class PromptUse(Record):
    """A rendering of a `Prompt`, found verbatim in the messages that were sent. All offsets, those
    of `variable_spans` included, count characters of `messages[message].content`. `ambiguous`: the
    rendering occurs more than once, and the last occurrence is meant."""

    name: str
    version: str
    template: str
    variables: dict[str, str] = {}
    message: int
    start: int
    end: int
    variable_spans: tuple[VariableSpan, ...] = ()
    ambiguous: bool = False


class Document(Record):
    """A retrieved document; `place` is where it stands in the messages."""

    id: str | None = None
    text: str
    source: str | None = None
    score: float | None = None
    place: tuple[int, int, int] | None = None
    span_id: str | None = None
    """The span that retrieved it, or the call's own if it was recorded with the call."""
    position: int | None = None
    """Its rank among what that span retrieved, from 0."""
    retriever: str | None = None
    """The name of that span; None if it is the call's own."""

    @property
    def name(self) -> str | None:
        """The document's name, if it has one (`titles.document_name`)."""
        return document_name(self.source, self.id)


class Span(Record):
    """A finished span of any origin. Ids are lower-case hex (32 and 16 digits), times are Unix
    nanoseconds, `attributes` are the OTLP attributes decoded to plain JSON."""

    trace_id: str
    span_id: str
    parent_id: str | None = None
    name: str
    start_ns: int
    end_ns: int
    attributes: dict[str, JSON] = {}
    events: tuple[dict[str, JSON], ...] = ()
    status: Literal["unset", "ok", "error"] = "unset"
    status_message: str = ""
    resource: Annotated[dict[str, JSON], Shared] = {}
    scope: str = ""
    captured: bool = False
    """Whether capture wrote it on this host: only then may it name a function to be called
    again."""


class Call(Record):
    """One LLM call as it was really sent: in a trace, the innermost span that holds messages and an
    answer."""

    trace_id: str
    span_id: str
    name: str
    """The innermost decorated function; else the application's function, agent or chain, where the
    emitter says it; else the span's name."""
    dialect: str | None = None
    """The dialect that read it; None if the call was not read from spans."""
    form: Form = "chat"
    messages: tuple[Message, ...]
    answer: str | None = None
    """The answer's text as it was logged, `<think>…</think>` included; calls of tools are given as
    text, too (`records.formats.answers`)."""
    reasoning: str | None = None
    """The model's reasoning where it was logged apart from the answer."""
    tool_calls: tuple[ToolCall, ...] = ()
    citations: tuple[Citation, ...] = ()
    """The citations that came with the answer, apart from those in its text."""
    status: CallStatus = "returned"
    error: str | None = None
    model: str | None = None
    provider: str | None = None
    parameters: dict[str, JSON] = {}
    usage: Usage | None = None
    finish_reason: str | None = None
    response_id: str | None = None
    start_ns: int
    end_ns: int
    prompts: tuple[PromptUse, ...] = ()
    documents: tuple[Document, ...] = ()
    """The retrieved documents that stand in its messages."""
    rerun: str | None = None
    rerun_arguments: dict[str, JSON] | None = None
    session: str | None = None
    user: str | None = None
    tags: dict[str, str] = {}
    metadata: dict[str, JSON] = {}
    external_trace: dict[str, str] = {}
    """Ids of the application's own active trace, e.g. `{"mlflow.trace_id": "tr-…"}`."""
    truncated: bool = False
    """Whether a text exceeded the size limit and is incomplete: the call is not explained."""
    no_content: str | None = None
    """Why there is no answer; None if there is one."""
    not_repeatable: str | None = None
    """Why the messages' texts alone do not repeat the request (images, say)."""
    prompt_assumed: bool = False
    """Whether the messages are the decorated function's argument, not what was really sent."""
    inclusion_probability: float = Field(1.0, gt=0, le=1)
    """The chance that its trace is shipped from its host."""

    def without_function(self) -> "Call":
        """Return the call as others may give it to us: without a function to be called again."""
        return self.model_copy(update={"rerun": None, "rerun_arguments": None})

    def messages_with(self, use: PromptUse, template: str) -> tuple[Message, ...]:
        """Return its messages with another template rendered in place of `use`. Raises KeyError if
        a variable of the template has no value in `use`."""
        messages = list(self.messages)
        rendered = render(template, use.variables)
        messages[use.message] = messages[use.message].replaced(use.start, use.end, rendered)
        return tuple(messages)

    @property
    def answer_without_reasoning(self) -> str:
        """The answer without the reasoning before it; empty if there is none."""
        return apart(self.answer or "").answer

    @property
    def id(self) -> str:
        """The call's identity everywhere: `trace_id:span_id`."""
        return f"{self.trace_id}:{self.span_id}"


class Feedback(Record):
    """A user's opinion of a trace."""

    id: str
    trace_id: str
    name: str = "user_feedback"
    score: float
    comment: str | None = None
    at_ns: int


class Trace(Record):
    """A complete trace: its spans in order of start, and the calls found among them.
    `root_missing`: the root span was lost with its process, and `root_span_id` is that of the
    topmost span that arrived."""

    trace_id: str
    spans: tuple[Span, ...]
    calls: tuple[Call, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    root_span_id: str
    root_missing: bool = False
    service_name: str | None = None

    def span(self, span_id: str) -> Span:
        """Return the span with that id. Raises KeyError if no span of this trace has it."""
        for span in self.spans:
            if span.span_id == span_id:
                return span
        raise KeyError(span_id)


def cut_at_limit(finish_reason: str | None) -> bool:
    """Whether a model stopped at its answer's length limit, in any provider's words."""
    return (finish_reason or "").casefold() in ("length", "max_tokens", "max_output_tokens")


class Prompted(Record):
    """The input of a Study: the exact messages, the answer and the request's parameters."""

    messages: tuple[Message, ...] = Field(min_length=1)
    answer: str | None = None
    form: Form = "chat"
    parameters: dict[str, JSON] = {}
    prompts: tuple[PromptUse, ...] = ()
    documents: tuple[Document, ...] = ()
    citations: tuple[Citation, ...] = ()
    answer_limit: int | None = None
    """The most tokens if `parameters` set no limit; None for the limit of the model's settings."""
    assumed: bool = False
    """Whether the messages are a function's argument, not what was really sent."""
    answer_cut: bool = False
    """Whether the answer ends at its token limit, and so has no end of its own."""
    reasoning: str | None = None
    """The model's reasoning before the answer; None without any."""
    of_reasoning: bool = False
    """Whether the reasoning is explained: `answer` is then the reasoning itself."""
    left_out: str | None = None
    """Why reasoning of earlier turns is not sent again; None if there is none, or it is sent."""

    @classmethod
    def of(cls, call: Call) -> "Prompted":
        """Return the fields of a call that a Study needs."""
        counted = None if call.usage is None else call.usage.output_tokens
        written = (call.reasoning or "") + (call.answer or "")
        prompted = cls(
            messages=call.messages,
            answer=call.answer,
            form=call.form,
            parameters=call.parameters,
            prompts=call.prompts,
            documents=call.documents,
            citations=call.citations,
            answer_limit=None if call.answer is None else answer_limit(written, counted),
            assumed=call.prompt_assumed,
            answer_cut=cut_at_limit(call.finish_reason),
            reasoning=call.reasoning,
        )
        return prompted.with_reasoning_apart()

    def with_reasoning_apart(self) -> "Prompted":
        """Return the same with the reasoning at the beginning of its answer apart from it."""
        if self.answer is None:
            return self
        found = apart(self.answer)
        reasoning = joined(self.reasoning, found.reasoning)
        whole = len(found.answer) == len(self.answer)  # citations count from its beginning
        citations = self.citations if whole else ()
        update = {"answer": found.answer, "reasoning": reasoning, "citations": citations}
        return self.model_copy(update=update)

    def without_earlier_reasoning(
        self, why: str = "it was captured without its signature", *, taken: Collection[str] = ()
    ) -> "Prompted":
        """Return the same without the reasoning in its messages, but for that in a form that is
        `taken` (`Capabilities.takes_reasoning`)."""
        left = tuple(message.without_reasoning(taken) for message in self.messages)
        same = all(a is b for a, b in zip(left, self.messages, strict=True))
        return self if same else self.model_copy(update={"messages": left, "left_out": why})

    def explaining_reasoning(self) -> "Prompted":
        """Return the same with the reasoning in place of the answer."""
        return self.model_copy(update={"answer": self.reasoning, "of_reasoning": True})


def trace_id_of(call_id: str) -> str:
    """The trace in the id of a call."""
    return call_id.partition(":")[0]


class ForgottenCall(Record):
    """One call of a trace that is to be deleted. `prompts` are (name, version) pairs, `days` the
    UTC days (`YYYY-MM-DD`) on which it was explained, `models` the models' names in the settings.
    """

    id: str
    start_ns: int
    prompts: tuple[tuple[str, str], ...] = ()
    days: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    external_trace: dict[str, str] = {}


class ForgottenTrace(Record):
    """A trace whose copies are to be deleted. `traced_as` is the external id under which the
    tracker received it, None if it is not known to have arrived. `start_ns` is that of the first
    call, or of the root if there is no call."""

    trace_id: str
    start_ns: int
    calls: tuple[ForgottenCall, ...] = ()
    traced_as: str | None = None
