"""Reads a prompt or a captured call given to `explain()` into the records that a Study takes."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from smile_trace._text.lists import listed
from smile_trace._text.prompts import find_renderings
from smile_trace.dialects import assemble
from smile_trace.dialects.answers import final_answer
from smile_trace.dialects.parts import read_message, why_not_repeatable
from smile_trace.errors import ReasonCode
from smile_trace.explaining.driver import ExplanationFailed
from smile_trace.explaining.options import AnyPrompt
from smile_trace.providers import read_messages
from smile_trace.records import JSON, Call, Message, Prompted, PromptUse, Trace
from smile_trace.records.call import answer_limit, trace_id_of
from smile_trace.settings import Settings
from smile_trace.sources.protocol import Source, SourceUnavailable, may_hold, owner

if TYPE_CHECKING:
    from smile_trace.store import Store


def read_prompt(prompt: AnyPrompt, answer: str | None, parameters: dict[str, JSON]) -> Prompted:
    """The messages of a prompt, and the renderings of a `Prompt` that they contain. Raises
    ExplanationFailed if the prompt holds no text, or a text that cannot be sent; TypeError if it is
    neither a text nor messages with a role and a content."""
    if isinstance(prompt, str):
        messages = [Message(role="user", content=prompt)]
    elif isinstance(prompt, Sequence) and not isinstance(prompt, bytes | bytearray):
        messages = [_message(item) for item in prompt]
    else:
        raise TypeError(f"a prompt is a text or a list of messages, not {_kind(prompt)}")
    if answer is not None and not isinstance(answer, str):
        raise TypeError(f"an answer is a text, not {_kind(answer)}")
    if not any(message.content.strip() for message in messages):
        raise ExplanationFailed("the prompt is empty: there is nothing to explain")
    if why := why_not_repeatable(messages, parameters):
        raise ExplanationFailed(f"the prompt cannot be asked again: {why}")
    _check_unicode([*(message.content for message in messages), answer or ""])
    uses = find_renderings([message.content for message in messages])
    return Prompted(
        messages=tuple(messages),
        answer=answer,
        parameters=parameters,
        prompts=tuple(PromptUse.model_validate(use) for use in uses),
        answer_limit=None if answer is None else answer_limit(answer),
    )


def repeatable_call(trace: Trace, span_id: str = "") -> Call:
    """Like `answered_call`, but raises ExplanationFailed also if the call cannot be asked again."""
    call = answered_call(trace, span_id)
    if call.not_repeatable:
        raise ExplanationFailed(f"the call cannot be asked again: {call.not_repeatable}")
    return call


def read_trace(trace_id: str, settings: Settings) -> Trace:
    """The trace of `find_trace`, with the same errors."""
    return find_trace(trace_id, settings)[0]


def find_trace(trace_id: str, settings: Settings) -> tuple[Trace, Source | None]:
    """A trace by its id or the beginning of it, and the backend it was read from (None: the store).

    An id whose form belongs to one backend (`tr-…`, MLflow's) is looked for there only; any other
    in the store, then in the backends that are set up and have such ids.

    Raises:
        ExplanationFailed: there is no such trace, or several.
        NoSource: the backend's address is not known.
        SourceUnavailable: a backend that may have it does not answer.
        StoreError: the store cannot be opened.
    """
    if (source := owner(trace_id, settings)) is not None:
        if (trace := _read_from(source, trace_id)) is not None:
            return trace, source
        raise ExplanationFailed(
            f"there is no trace {trace_id!r} in {source.name}: it may have been deleted "
            "there, or not have arrived yet",
            code=ReasonCode.NOT_FOUND,
        )
    elsewhere = may_hold(trace_id, settings)
    no_home = elsewhere and not settings.home.exists()  # who only reads a backend has none
    if not no_home and (trace := _of_store(trace_id, settings)) is not None:
        return trace, None
    asked, silent = [], None
    for source in elsewhere:
        try:
            if (trace := _read_from(source, trace_id)) is not None:
                return trace, source
        except SourceUnavailable as error:
            silent = silent or error
        asked.append(source.name)
    if silent is not None:
        raise silent
    missing = f"there is no trace {trace_id!r} in {listed([str(settings.home), *asked], 'or')}"
    if not no_home and _is_prompt(trace_id, settings):
        raise ExplanationFailed(
            f"{missing}, but there is a prompt of that name: `smile-trace compare {trace_id}` "
            "says what mattered in its calls, and `smile-trace calls` lists their ids"
        )
    raise ExplanationFailed(
        f"{missing}: take its id from `smile-trace calls` or the tracker; if it was captured "
        "just now, run `smile-trace worker --once` first"
    )


def _is_prompt(name: str, settings: Settings) -> bool:
    from smile_trace.store import Store

    with Store.look(settings) as store, store.reading_prompts() as prompts:
        return bool(prompts.versions(name))


def _of_store(trace_id: str, settings: Settings) -> Trace | None:
    from smile_trace.store import Store  # takes a second to load, and a prompt needs none

    with Store.look(settings) as store, suppress(KeyError):
        return store.trace(_whole_id(trace_id, store))
    return None


def _read_from(source: Source, trace_id: str) -> Trace | None:
    spans = source.read(trace_id)
    return assemble(spans[0].trace_id, spans) if spans else None


def _whole_id(trace_id: str, store: "Store") -> str:
    """The id of the one trace that begins so; `trace_id` itself if there is none."""
    found = {trace_id_of(call) for call in store.traces.find_calls(trace_id)}
    if len(found) > 1:
        raise ExplanationFailed(f"{trace_id!r} matches several traces: give more of the id")
    return found.pop() if found else trace_id


def answered_call(trace: Trace, span_id: str = "") -> Call:
    """The final answer of a trace, or the call of the span whose id begins so (`smile-trace calls`
    prints beginnings); raises ExplanationFailed without an answer."""
    calls = [call for call in trace.calls if call.span_id.startswith(span_id)]
    if not calls:
        which = f"call of a model with the span id {span_id!r}" if span_id else "call of a model"
        raise ExplanationFailed(
            f"the trace {trace.trace_id} holds no {which}: `smile-trace calls` lists the calls"
        )
    found = final_answer(trace, calls)
    if found is not None:
        return found
    why = "its text was cut at the size limit" if calls[-1].truncated else calls[-1].no_content
    raise ExplanationFailed(f"the call has no answer to explain ({why or calls[-1].status})")


def _check_unicode(texts: Sequence[str]) -> None:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        raise ExplanationFailed(
            "the text holds half a character (a lone surrogate), which cannot be sent to a model: "
            "decode it with errors='replace'"
        ) from None


def _message(item: Any) -> Message:
    if isinstance(item, Message):
        return item
    if not isinstance(item, Mapping):
        raise TypeError(f"a message is a dict with role and content, not {_kind(item)}")
    content = item.get("content")
    written = isinstance(content, str | list) or (content is None and "tool_calls" in item)
    if not isinstance(item.get("role"), str) or not written:
        raise TypeError("a message is a dict with a role and a content, a text or a list of parts")
    read = read_messages([item])
    message = read_message(read[0]) if read else None
    if message is None:
        raise TypeError("a message is a dict with a role and a content, a text or a list of parts")
    return message


def _kind(value: object) -> str:
    return type(value).__name__
