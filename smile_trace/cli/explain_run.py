"""`smile-trace explain --run`: the traces of an evaluation, each explained by its final answer."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smile_trace._guards.presentable import presentable
from smile_trace.cli.arguments import confirm, describe_run
from smile_trace.cli.deliver import put_into, tracker_named
from smile_trace.cli.output import call_bar, printable
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.cli.explain_now import Asked
    from smile_trace.explaining.driver import OnRound
    from smile_trace.explaining.options import Question
    from smile_trace.explaining.preparation import Prepared
    from smile_trace.records import Call, Explanation, Span, Trace
    from smile_trace.settings import Settings


@dataclass(frozen=True)
class _Row:
    """A trace of the run, and its last call with an answer, which is explained; `stored` if it was
    before."""

    trace_id: str
    trace: "Trace"
    call: "Call"
    prepared: "Prepared | None" = None
    stored: "Explanation | None" = None


def explain_run(
    run_id: str, asked: "Asked", settings: "Settings", *, deliver: bool, json_rows: bool
) -> None:
    """Explain the rows of an evaluation; a row that cannot be explained holds up no other.

    Args:
        run_id: the run's id in the backend that holds it.
        asked: the model that is asked about each row, and how.
        json_rows: print the rows as JSON, each with its Explanation or the reason why not.

    Raises:
        SmileTraceError: there is no such run, no row can be explained, the model or the backend
            does not answer, or a daily cap is reached. Earlier rows are shown and stay delivered.
    """
    from smile_trace.attribution import CannotExplain
    from smile_trace.explaining.driver import ExplanationFailed
    from smile_trace.explaining.spending import most_by_model
    from smile_trace.sources.protocol import evaluated

    question = asked.question()
    source, trace_ids = evaluated(run_id, settings)
    tracker = tracker_named(source.name, settings) if deliver else None
    rows: list[_Row] = []
    told: list[dict[str, object]] = []
    for trace_id in trace_ids:
        spans = source.read(trace_id)
        try:
            rows.append(_row(trace_id, spans, settings, question, asked))
        except SmileTraceError as error:
            told.append(_refused(trace_id, error))
    if not rows:
        raise SmileTraceError(f"none of the {len(trace_ids)} traces of the run can be explained")
    new = [row.prepared for row in rows if row.prepared is not None]
    most = most_by_model(new, embeddings=settings.explain.embeddings)
    if (kept := len(rows) - len(new)) and not json_rows:
        print(f"{kept:,} of {len(rows):,} rows are explained already; --fresh explains them again.")
    if asked.dry_run:
        print(describe_run(most, len(new)) if new else "Nothing would be sent.")
        return
    for one in most:
        confirm(one, yes=asked.yes)
    statuses: list[str] = []
    calls = sum(one.calls + (one.proxy.calls if one.proxy else 0) for one in most)
    try:
        with call_bar(calls) as on_round:
            for row in rows:
                try:
                    explanation = _explained(row, asked, settings, on_round)
                except (ExplanationFailed, CannotExplain) as error:
                    told.append(_refused(row.trace_id, error))
                    continue
                statuses.append(explanation.fidelity.status)
                shown = explanation.model_dump(mode="json")
                told.append({"trace_id": row.trace_id, "explanation": shown})
                if not json_rows:
                    print(_line(row.trace_id, explanation), flush=True)
                if tracker is not None:
                    put_into(row.trace, row.call, explanation, tracker)
    finally:  # a cap that is reached takes nothing away that was explained before
        print(json.dumps(told, indent=2) if json_rows else _sentence(statuses, len(trace_ids)))


def _explained(
    row: _Row, asked: "Asked", settings: "Settings", on_round: "OnRound"
) -> "Explanation":
    """The row's explanation; one that is made now is kept for `smile-trace explain TRACE_ID`."""
    from smile_trace.explaining.api import explain_prepared
    from smile_trace.store.stored import keep

    if row.prepared is None:
        assert row.stored is not None
        return row.stored
    explanation = explain_prepared(row.prepared, settings, fresh=asked.fresh, on_round=on_round)
    keep(explanation, row.trace, row.call.id, asked.chosen, settings, wanted=row.trace_id)
    return explanation


def _row(
    trace_id: str,
    spans: "Sequence[Span]",
    settings: "Settings",
    question: "Question",
    asked: "Asked",
) -> _Row:
    from smile_trace.dialects import assemble
    from smile_trace.explaining.inputs import repeatable_call
    from smile_trace.explaining.preparation import prepare_call
    from smile_trace.explaining.spending import check_worth

    if not spans:
        raise SmileTraceError("it was deleted, or has not ended")
    trace = assemble(spans[0].trace_id, spans)
    call = repeatable_call(trace)
    if (stored := asked.stored(call.id, settings)) is not None:
        return _Row(trace_id, trace, call, stored=stored)
    prepared = prepare_call(call, settings, question.options, model=question.model)
    check_worth(prepared)
    return _Row(trace_id, trace, call, prepared)


def _refused(trace_id: str, error: SmileTraceError) -> dict[str, object]:
    print(printable(f"{trace_id}  not explained: {error}"), file=sys.stderr)
    return {"trace_id": trace_id, "reason": presentable(error)}


def _line(trace_id: str, explanation: "Explanation") -> str:
    from smile_trace.render import driver_text

    return printable(f"{trace_id}  {explanation.fidelity.status:12}  {driver_text(explanation)}")


def _sentence(statuses: Sequence[str], count: int) -> str:
    by_status = [f"{n:,} {status}" for status, n in Counter(statuses).most_common()]
    explained = f"{len(statuses):,} of {count:,} explained"
    return f"{explained}: {', '.join(by_status)}." if statuses else f"{explained}."
