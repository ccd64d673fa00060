"""`smile-trace calls`: the captured calls, one a line, and what became of them."""

import json
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smile_trace._text.apart import clipped, last_line, parting
from smile_trace.cli.arguments import SINCE_HELP, since_ns
from smile_trace.cli.output import printable

if TYPE_CHECKING:
    from smile_trace.records import Call, Message, Span
    from smile_trace.store.queries.calls import Captured

_SPAN_CHARACTERS = 4
"""The fewest characters of a span's id that tell a trace's calls apart."""
_INDENT = "    "


def calls(
    since: Annotated[str | None, typer.Option(help=f"Since when: {SINCE_HELP}")] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Maximum number of calls to show, the newest ones.")
    ] = 100,
    full: Annotated[
        bool, typer.Option("--full", help="Show every message, and where the call was read from.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all fields as JSON Lines.")
    ] = False,
) -> None:
    """List captured calls and what became of them.

    Each line begins with as much of the call's id as explain, replay and retry need. What the calls
    of a function have in common is printed once, above them.
    """
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.store.queries.calls import count_captured, read_captured
    from smile_trace.worker.ingest import unread_calls

    begin = 0 if since is None else since_ns(since)
    settings = Settings()
    with Store.look(settings) as store:
        refusal = store.ledger.refusal
        found = list(read_captured(store.database, refusal, since_ns=begin, limit=limit))
        every = count_captured(store.database, since_ns=begin)
        unread = 0 if found else unread_calls(store, settings.spool)
    if as_json:
        for one in found:
            print(json.dumps(_whole(one)))
        return
    if not found:
        wait = f"{unread:,} call{' waits' if unread == 1 else 's wait'} to be read"
        print(f"{wait if unread else 'No call was read'}: smile-trace worker --once reads what is")
        print("new, and doctor lists what looks like a call but could not be read.")
        return
    few = every > len(found)
    if full:
        print("\n".join(map(_told, found)))
    else:
        width = shutil.get_terminal_size().columns
        print("\n".join(_listed(found, width, datetime.now(UTC), of_more=few)))
    if few:
        print(f"the newest {len(found):,} of {every:,} calls (--limit)")


def _whole(one: "Captured") -> dict[str, Any]:
    call = one.call
    parameters = {name: value for name, value in call.parameters.items() if name != "tools"}
    kept = call.model_dump(
        mode="json",
        exclude={"parameters", "dialect", "messages", "start_ns", "end_ns", "rerun_arguments"},
    )
    return {
        "id": call.id,
        **kept,
        "messages": [message.model_dump(mode="json") for message in call.messages],
        "tools": call.parameters.get("tools", []),
        "parameters": parameters,
        "start": _start(call).isoformat(),
        "source": _source(one.span),
        "dialect": call.dialect,
        "job": None if one.state is None else {"state": one.state, "reason": one.reason},
        "explanation": one.status,
    }


def _source(span: "Span | None") -> str | None:
    return None if span is None else span.scope or None


def _start(call: "Call") -> datetime:
    return datetime.fromtimestamp(call.start_ns / 1e9, UTC)


def _listed(
    found: "Sequence[Captured]", width: int, now: datetime, *, of_more: bool
) -> Iterator[str]:
    """The lines of the list: the groups by their newest call, the newest last."""
    groups: dict[tuple[str, ...], list[Captured]] = {}
    for one in found:
        call = one.call
        uses = (f"{use.name} {use.version}" for use in call.prompts)
        key = (call.name, *uses, call.model or "no model")
        groups[key] = [*groups.pop(key, []), one]
    ids = _short_ids(found)
    for title, members in groups.items():
        shown = " shown" if of_more else ""
        number = f"{len(members)} call{'' if len(members) == 1 else 's'}{shown}"
        yield _fit(f"{' · '.join(title)} ({number})", width)
        yield from _group(members, ids, width, now)


def _group(
    members: "Sequence[Captured]", ids: dict[str, str], width: int, now: datetime
) -> Iterator[str]:
    """What the calls have in common, and a line for each call, with what it differs in."""
    common = _common([one.call.messages for one in members])
    for message in common:
        yield _INDENT + _fit(_message(message, common), width - len(_INDENT))
    asked = [_question(one.call, len(common)) for one in members]
    for one, question, start in zip(members, asked, parting(asked), strict=True):
        at = _start(one.call)
        when = f"{at:%H:%M}" if at.date() == now.date() else f"{at:%m-%d}"
        head = f"{ids[one.call.id]} {when} {_state(one):<12} "
        room = width - len(head)
        answer = f"→ {_answered(one.call)}"
        if question:
            own = clipped(question, start, max(room // 2, room - len(answer) - 1))
            yield f"{head}{own} {_fit(answer, room - len(own) - 1)}"
        else:
            yield head + _fit(answer, room)
    reasons = Counter(f"{_state(one)}: {one.reason}" for one in members if one.reason)
    for reason, times in reasons.items():
        yield from textwrap.wrap(
            printable(f"{times} {reason}"),
            width,
            initial_indent=_INDENT,
            subsequent_indent=f"{_INDENT}  ",
        )


def _common(requests: "Sequence[Sequence[Message]]") -> "Sequence[Message]":
    """The messages with which all of these begin."""
    shared: list[Message] = []
    for first, *others in zip(*requests, strict=False):
        if any(message != first for message in others):
            break
        shared.append(first)
    return shared


def _short_ids(listed: "Sequence[Captured]") -> dict[str, str]:
    """Each call's trace by the beginning of its id, and if the trace has more calls its span."""
    from smile_trace.store.queries.calls import own_beginning

    spans: dict[str, list[str]] = {}
    for one in listed:
        spans.setdefault(one.call.trace_id, []).append(one.call.span_id)
    ids: dict[str, str] = {}
    for one in listed:
        others = [span for span in spans[one.call.trace_id] if span != one.call.span_id]
        span = own_beginning(one.call.span_id, others, _SPAN_CHARACTERS)
        ids[one.call.id] = one.beginning if one.calls_of_trace == 1 else f"{one.beginning}:{span}"
    return ids


def _question(call: "Call", common: int) -> str:
    """The last message that a person wrote, by its last line, else the last message; nothing if it
    stands above."""
    own = call.messages[common:]
    if not own:
        return ""
    asked = next(filter(_is_question, reversed(own)), own[-1])
    line = last_line(asked.content) if asked.role == "user" else ""
    return printable(" ".join((line or _said(asked)).split()))


def _is_question(message: "Message") -> bool:
    results = any(slot.result for slot in message.slots)
    return message.role == "user" and bool(message.content.strip()) and not results


def _state(one: "Captured") -> str:
    if one.status is not None and one.state == "explained":
        return one.status
    return {None: "new", "pending": "waiting"}.get(one.state, one.state or "")


def _fit(text: str, width: int) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"


def _told(one: "Captured") -> str:
    """A call with all its messages, each on a line of its own."""
    call = one.call
    lines = [
        f"{call.id} {_start(call):%Y-%m-%d %H:%M:%S} {call.name} {call.model or 'no model'}",
        f"read from {_source(one.span) or 'no scope'} by {call.dialect or 'no dialect'}",
        *(_message(message, call.messages) for message in call.messages),
        f"-> {_answered(call)}",
    ]
    tools = call.parameters.get("tools")
    if isinstance(tools, list) and tools:
        lines.append(f"tools offered: {len(tools)}")
    if call.documents:
        lines.append(f"documents: {len(call.documents)}")
    if given := {k: v for k, v in call.parameters.items() if k != "tools"}:
        lines.append(f"parameters: {json.dumps(given)}")
    if call.not_repeatable:
        lines.append(f"cannot be asked again: {call.not_repeatable}")
    lines.append(_state(one) + (f": {one.reason}" if one.reason else ""))
    head, *rest = (printable(" ".join(line.split())) for line in lines)
    return "\n".join([head, *(_INDENT + line for line in rest)])


def _message(message: "Message", messages: "Sequence[Message]") -> str:
    from smile_trace.render.phrases import message_title

    return f"{message_title(message, messages)}: {_said(message)}"


def _said(message: "Message") -> str:
    """A message's texts and its other parts' labels, in order."""
    from smile_trace.render.phrases import labels

    shown: list[str] = []
    at = 0
    for place, found in sorted(labels(message).items()):
        shown += [message.content[at:place], *found]
        at = place
    return " ".join(" ".join([*shown, message.content[at:]]).split())


def _answered(call: "Call") -> str:
    """The answer, the tools that it calls, or why there is none."""
    from smile_trace.records.formats.answers import read_tool_calls

    if call.answer is None:
        return f"no answer: {call.no_content or call.error or call.status}"
    called = read_tool_calls(call.answer) or ()
    calls = (f"calls {one.name}({json.dumps(one.arguments)})" for one in called)
    return ", ".join(calls) or call.answer
