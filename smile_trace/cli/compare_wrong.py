"""`smile-trace compare NAME --wrong`: what stands behind answers that people marked as wrong."""

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from smile_trace.cli.arguments import since_ns
from smile_trace.cli.marks import marks_of
from smile_trace.cli.output import call_bar, printable
from smile_trace.errors import BudgetExceeded, SmileTraceError

if TYPE_CHECKING:
    from smile_trace.explaining import Estimate
    from smile_trace.records import Call, Explanation
    from smile_trace.settings import Settings
    from smile_trace.store import Store

BUDGET_WRONG, CALLS_EACH = 600, 60
"""Default calls, and how many of them explain one wrong answer."""


def compare_wrong(
    name: str,
    *,
    since: str | None,
    budget: int | None,
    app: str | None,
    json: bool,
    agree: "Callable[[Estimate], None]",
) -> None:
    """Read what people marked, explain what is not explained yet, and print what is behind it."""
    from smile_trace.comparison.wrong_answers import answers_since, stand_behind
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.store.queries.calls import read_wrong

    settings, begin = Settings(), 0 if since is None else since_ns(since)
    with Store.look(settings) as store:
        answers = answers_since(store, name, begin)
        calls = {call.id: call for call in answers.calls}
        explained = read_wrong(store.database, [*calls])
        marked = {**dict.fromkeys(answers.disliked), **_marked(calls, store, settings)}
    wrong = {*marked, *explained}
    if not wrong:
        raise SmileTraceError(
            f"none of {len(calls):,} answers of {name} is marked as wrong in a tracker or by a "
            "user (smile_trace.feedback), or explained with a target that it misses (smile-trace "
            "explain ID --contains TEXT)"
        )
    left = [one for one in calls if marked.get(one) and one not in explained]
    untold = len(wrong) - len(explained) - len(left)
    some = left[: (BUDGET_WRONG if budget is None else budget) // CALLS_EACH]
    expected = {one: str(marked[one]) for one in some}
    explained |= _explain(expected, [calls[one] for one in some], settings, app, agree)
    first = min(call.start_ns for call in calls.values()) if since is None else begin
    begun = datetime.fromtimestamp(first / 1e9, UTC).isoformat(timespec="minutes")
    found = stand_behind(
        name, begun, answers.calls, wrong, explained, untold=untold, drawn_from=answers.drawn_from
    )
    lines = map(printable, found.summary.split("\n"))
    print(found.model_dump_json(indent=2) if json else "\n".join(lines))


def _marked(
    calls: "Mapping[str, Call]", store: "Store", settings: "Settings"
) -> dict[str, str | None]:
    """The answers that people said are wrong, or that miss what people expect, with the latter;
    None where nobody wrote it, people disagree, or the answer says it. If no tracker can be asked,
    a line on standard error says why."""
    from smile_trace.comparison.wrong_answers import misses
    from smile_trace.trackers.marks import about, wanted

    try:
        marks = marks_of(calls.values(), settings)
    except SmileTraceError as error:
        print(f"smile-trace: {printable(str(error))}", file=sys.stderr)
        return {}
    found: dict[str, str | None] = {}
    for trace in store.traces.get([*marks]):
        for call in (call for call in trace.calls if call.id in calls):
            said = about(marks[trace.trace_id], trace, call)
            texts = [*wanted(said)]
            missed = len(texts) == 1 and misses(call, texts[0])
            if missed or any(mark.wrong for mark in said):
                found[call.id] = texts[0] if missed else None
    return found


def _explain(
    expected: Mapping[str, str],
    calls: "Sequence[Call]",
    settings: "Settings",
    app: str | None,
    agree: "Callable[[Estimate], None]",
) -> "dict[str, Explanation]":
    """Explain answers by what was expected; why one cannot be is said on standard error."""
    from smile_trace.explaining import Estimate, explain
    from smile_trace.settings import table_of

    for model in dict.fromkeys(call.model or "*" for call in calls):
        own = [call for call in calls if (call.model or "*") == model]
        how = table_of(settings.models, model)
        agree(Estimate.of_calls(model, how, own, CALLS_EACH * len(own)))
    found = {}
    with call_bar(CALLS_EACH * len(calls)) as on_round:
        for call_id, text in expected.items():
            try:
                found[call_id] = explain(
                    trace_id=call_id, expected=text, budget=CALLS_EACH, app=app, on_round=on_round
                )
            except SmileTraceError as error:
                print(printable(f"{call_id}  not explained: {error}"), file=sys.stderr)
                if isinstance(error, BudgetExceeded):
                    break
    return {call_id: one for call_id, one in found.items() if one.met is False}
