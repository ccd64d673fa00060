"""`smile-trace calls`: the captured calls as they were read."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smile_trace.cli.output import printable
from smile_trace.cli.since import HELP, since_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smile_trace.records import Call, Message, Span
    from smile_trace.store.queries.calls import Captured

_SHOWN = 200
"""Characters of a text in the terminal."""


def calls(
    since: Annotated[str | None, typer.Option(help=HELP)] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest ones, at most.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="All of each, one a line.")] = False,
) -> None:
    """List the captured calls as they were read, and what became of them.

    The first words of each are its id, which explain, replay and retry take.
    """
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.store.queries.calls import read_captured

    store = Store.look(Settings())
    try:
        found = list(
            read_captured(
                store.database, since_ns=0 if since is None else since_ns(since), limit=limit
            )
        )
    finally:
        store.close()
    for one in found:
        print(json.dumps(_whole(one)) if as_json else _told(one))
    if not found and not as_json:
        print("No call was read: smile-trace worker --once reads what is new, and doctor says what")
        print("looks like a call and was not read.")


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
        "start": datetime.fromtimestamp(call.start_ns / 1e9, UTC).isoformat(),
        "source": _source(one.span),
        "dialect": call.dialect,
        "job": None if one.state is None else {"state": one.state, "reason": one.reason},
        "explanation": one.status,
    }


def _source(span: "Span | None") -> str | None:
    """The scope that wrote the span, which is the instrumentor."""
    return None if span is None else span.scope or None


def _told(one: "Captured") -> str:
    call, span = one.call, one.span
    at = datetime.fromtimestamp(call.start_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
    lines = [
        f"{call.id} {at} {call.name} {call.model or 'no model'}",
        f"read from {_source(span) or 'no scope'} by {call.dialect or 'no dialect'}",
        *(_message(message, call.messages) for message in call.messages),
        f"-> {_cut(call.answer) if call.answer is not None else _why(call)}",
    ]
    tools = call.parameters.get("tools")
    if isinstance(tools, list) and tools:
        lines.append(f"tools offered: {len(tools)}")
    if call.documents:
        lines.append(f"documents: {len(call.documents)}")
    if given := {k: v for k, v in call.parameters.items() if k != "tools"}:
        lines.append(f"parameters: {_cut(json.dumps(given))}")
    if call.not_repeatable:
        lines.append(f"cannot be asked again: {call.not_repeatable}")
    lines.append(_became(one))
    head, *rest = map(printable, lines)
    return "\n".join([head, *(f"    {line}" for line in rest)])


def _became(one: "Captured") -> str:
    """Whether it is explained, or why not."""
    from smile_trace.render import STATUS_WORDS

    if one.status is not None and one.state == "explained":
        return f"explained: {STATUS_WORDS[one.status]}"
    if one.state is None:
        return "not looked at by a worker yet"
    return f"{one.state}: {one.reason}" if one.reason else one.state


def _message(message: "Message", messages: "Sequence[Message]") -> str:
    """Its title and, as they follow each other, its texts and what stands for its other parts."""
    from smile_trace.render.phrases import labels, message_title

    shown: list[str] = []
    at = 0
    for place, found in sorted(labels(message).items()):
        shown += [message.content[at:place], *found]
        at = place
    said = " ".join([*shown, message.content[at:]])
    return f"{message_title(message, messages)}: {_cut(said)}"


def _why(call: "Call") -> str:
    return f"no answer: {call.no_content or call.error or call.status}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
