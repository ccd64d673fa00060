"""`smile-trace explain`: one explanation now, or with `--run` those of an evaluation's traces."""

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smile_trace._guards.presentable import presentable
from smile_trace._options import AllOptions
from smile_trace.cli.arguments import (
    Answer,
    Application,
    DryRun,
    Model,
    Prompt,
    PromptFile,
    TraceId,
    Yes,
    confirm,
    describe,
    describe_run,
    with_options,
)
from smile_trace.cli.deliver import deliver_into_trace, find_tracker, put_into, tracker_of
from smile_trace.cli.output import CallBar, check_writable, printable, read_text, show_result
from smile_trace.errors import BudgetExceeded, SmileTraceError

if TYPE_CHECKING:
    from smile_trace.explaining.driver import OnRound
    from smile_trace.explaining.options import Question
    from smile_trace.explaining.preparation import Prepared
    from smile_trace.records import Call, Explanation, Span, Trace
    from smile_trace.records.path import ExplanationPath
    from smile_trace.settings import Settings


@dataclass(frozen=True)
class _Row:
    """A trace of the run, and its last call with an answer, which is explained."""

    trace_id: str
    trace: "Trace"
    call: "Call"
    prepared: "Prepared"


def explain_run(
    run_id: str,
    settings: "Settings",
    question: "Question",
    *,
    deliver: bool,
    json_rows: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Explain the rows of an evaluation; a row that cannot be explained holds up no other.

    Args:
        run_id: the run's id in the backend that holds it.
        question: the model that is asked about each row, and how.
        json_rows: print the rows as JSON, each with its Explanation or the reason why not.

    Raises:
        SmileTraceError: there is no such run, no row can be explained, the model or the backend
            does not answer, or a daily cap is reached. Earlier rows are shown and stay delivered.
    """
    from smile_trace.attribution import CannotExplain
    from smile_trace.explaining.api import explain_prepared
    from smile_trace.explaining.driver import ExplanationFailed
    from smile_trace.explaining.spending import most_by_model
    from smile_trace.sources.protocol import evaluated

    source, trace_ids = evaluated(run_id, settings)
    tracker = tracker_of(source, settings) if deliver else None
    rows: list[_Row] = []
    told: list[dict[str, object]] = []
    for trace_id in trace_ids:
        spans = source.read(trace_id)
        try:
            rows.append(_row(trace_id, spans, settings, question))
        except SmileTraceError as error:
            told.append(_refused(trace_id, error))
    if not rows:
        raise SmileTraceError(f"none of the {len(trace_ids)} traces of the run can be explained")
    most = most_by_model((row.prepared for row in rows), embeddings=settings.explain.embeddings)
    if dry_run:
        print(describe_run(most, len(rows)))
        return
    for one in most:
        confirm(one, yes=yes)
    statuses: list[str] = []
    calls = sum(one.calls + (one.proxy.calls if one.proxy else 0) for one in most)
    try:
        with CallBar(calls) as on_round:
            for row in rows:
                try:
                    explanation = explain_prepared(row.prepared, settings, on_round=on_round)
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


def _row(
    trace_id: str,
    spans: "Sequence[Span]",
    settings: "Settings",
    question: "Question",
) -> _Row:
    from smile_trace.dialects import assemble
    from smile_trace.explaining.inputs import repeatable_call
    from smile_trace.explaining.preparation import prepare_call
    from smile_trace.explaining.spending import check_worth

    if not spans:
        raise SmileTraceError("it was deleted, or has not ended")
    trace = assemble(spans[0].trace_id, spans)
    call = repeatable_call(trace)
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


_OF_A_PATH = ("protect", "budget", "signal", "distance", "seed")


@with_options
def explain(
    trace_id: TraceId = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN_ID",
            help="The traces of an evaluation run that stand in MLflow (mlflow.genai.evaluate).",
        ),
    ] = None,
    prompt: Prompt = None,
    file: PromptFile = None,
    answer: Answer = None,
    model: Model = None,
    *,
    options: Mapping[str, Any],
    app: Application = None,
    path: Annotated[
        bool,
        typer.Option(
            "--path",
            help="Explain the final answer of the trace TRACE_ID, and the calls that it came from: "
            "of tools whose results it depends on, and earlier ones whose answers it was given.",
        ),
    ] = False,
    depth: Annotated[
        int, typer.Option(min=1, help="With --path: how many calls back from the final answer.")
    ] = 5,
    html: Annotated[Path | None, typer.Option(help="Write the heatmap to this HTML file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the Explanation as JSON.")] = False,
    sanity_check: Annotated[
        bool,
        typer.Option(
            "--sanity-check",
            help="Also explain a copy of the prompt with a text in it whose effect is known; "
            "it takes as many calls again.",
        ),
    ] = False,
    deliver: Annotated[
        bool,
        typer.Option(
            "--deliver", help="Also put it into the trace that stands in the backend (MLflow, …)."
        ),
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Show which parts of a prompt drive the answer: --prompt TEXT, --file F, TRACE_ID, --run R."""
    if sum(given is not None for given in (trace_id, run, prompt, file)) != 1:
        raise typer.BadParameter("give exactly one of --prompt, --file, TRACE_ID and --run")
    if model is None and trace_id is None and run is None:
        raise typer.BadParameter("give --model NAME (demo is the packaged one)")
    if html is not None:
        check_writable(html)
    if path:
        _check_path(options, alone=trace_id is not None and not answer and not sanity_check)
    if run is not None and any((answer, app, path, html, sanity_check)):
        raise typer.BadParameter(
            "--run takes none of --answer, --app, --path, --html and --sanity-check"
        )
    if deliver and trace_id is None and run is None:
        raise typer.BadParameter(
            "--deliver takes the TRACE_ID of a trace in a backend (tr-… of MLflow)"
        )
    text = prompt if file is None else read_text(file)
    from smile_trace.evaluation import estimate_check
    from smile_trace.explaining.options import Question
    from smile_trace.explaining.paths import PATH_BUDGET, estimate_path
    from smile_trace.explaining.preparation import prepare
    from smile_trace.explaining.spending import check_worth, estimate_of
    from smile_trace.settings import Settings

    chosen = _read(options)
    if path and chosen["budget"] is None:
        chosen["budget"] = PATH_BUDGET
    question = Question(text, model=model, trace_id=trace_id, answer=answer, app=app, **chosen)
    settings = Settings()
    if run is not None:
        explain_run(
            run,
            settings,
            question,
            deliver=deliver,
            json_rows=json,
            dry_run=dry_run,
            yes=yes,
        )
        return
    tracker = find_tracker(str(trace_id), settings) if deliver else None
    prepared = prepare(question, settings)
    _check_protected(prepared)
    if path:
        most = estimate_path(question, settings)
    else:
        most = estimate_of(prepared, embeddings=settings.explain.embeddings)
    check_worth(prepared)
    if sanity_check:
        most = most.plus(estimate_check(prepared.without_proxy()))
    if dry_run:
        print(most.model_dump_json(indent=2) if json else describe(most))
        return
    confirm(most, yes=yes)
    calls = most.calls + (0 if most.proxy is None else most.proxy.calls)
    found: Explanation | ExplanationPath
    with CallBar(calls) as on_round:
        if path:
            found = _explain_path(question, depth, on_round)
        else:
            found = _explain(prepared, settings, on_round, check=sanity_check)
    _show(found, html=html, json=json)
    if tracker is not None:
        deliver_into_trace(str(trace_id), found, tracker, settings)


def _check_path(options: Mapping[str, Any], *, alone: bool) -> None:
    others = {name: value for name, value in options.items() if name not in _OF_A_PATH}
    if not alone or AllOptions(**others) != AllOptions():
        refused = ", ".join(f"--{name.replace('_', '-')}" for name in others)
        raise typer.BadParameter(
            f"--path takes a TRACE_ID, and none of --answer, {refused} and --sanity-check"
        )


def _explain(
    prepared: "Prepared", settings: "Settings", on_round: "OnRound | None", *, check: bool
) -> "Explanation":
    """The explanation, with a sanity check in its metadata if `check` is set."""
    from smile_trace.evaluation import check_by_injection
    from smile_trace.explaining.api import explain_prepared
    from smile_trace.models import ModelUnavailable
    from smile_trace.records.evaluation import SanityCheck

    explanation = explain_prepared(prepared, settings, on_round=on_round)
    if not check:
        return explanation
    try:
        checked = check_by_injection(prepared.without_proxy(), on_round=on_round)
    except (BudgetExceeded, ModelUnavailable) as error:  # what is explained is shown, as it is
        checked = SanityCheck(outcome="inconclusive", reason=str(error))
    metadata = {"sanity_check": checked.model_dump(mode="json")}
    return explanation.model_copy(update={"metadata": metadata})


def _explain_path(
    question: "Question", depth: int, on_round: "OnRound | None"
) -> "ExplanationPath":
    from smile_trace.explaining import explain_path

    return explain_path(
        str(question.trace_id),
        model=question.model,
        protect=question.protect,
        budget=question.options.calls,
        depth=depth,
        signal=question.signal,
        distance=question.distance,
        seed=question.seed,
        app=question.app,
        on_round=on_round,
    )


def _show(found: "Explanation | ExplanationPath", *, html: Path | None, json: bool) -> None:
    show_result(found, html=html, json=json)
    metadata = getattr(found, "metadata", {})  # a path has none
    if not json and (checked := metadata.get("sanity_check")):
        print(f"Sanity check {checked['outcome']}: {checked['reason'].rstrip('.')}.")


def _read(options: Mapping[str, Any]) -> dict[str, Any]:
    """The command line's options for `explain()`; raises typer.BadParameter for an unknown one."""
    from smile_trace.attribution import distance_named, solver_of
    from smile_trace.attribution.segmentation import units

    unit = units.written(options["unit"])
    try:
        units.named(unit)
        distance_named(options["distance"])
        solver_of(options["solver"])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    protect = tuple(map(units.written, options["protect"]))
    return {**options, "unit": unit, "protect": protect}


def _check_protected(prepared: "Prepared") -> None:
    """Check that every text or pattern to protect is in the prompt, else SmileTraceError. A
    missing role is no error: one command line may serve prompts with and without such a message."""
    from smile_trace.attribution import ROLES, unmatched_protections

    for missing in unmatched_protections(prepared.prompted.messages, prepared.options.protect):
        if missing in ROLES:
            told = (
                f"no message has the role {missing!r}; write /\\b{missing}\\b/ to protect the word"
            )
            print(told, file=sys.stderr)
            continue
        said = missing if isinstance(missing, str) else f"/{missing.pattern}/"
        raise SmileTraceError(
            f"--protect {said!r} stands nowhere in the prompt: give whole words as they stand in "
            "it, a role of its messages, or a /PATTERN/"
        )
