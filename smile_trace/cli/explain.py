"""`smile-trace explain`: one explanation, from the store or asked for now."""

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smile_trace._options import AllOptions
from smile_trace._text.lists import listed
from smile_trace.cli.arguments import (
    Answer,
    Application,
    DryRun,
    Model,
    Prompt,
    PromptFile,
    TraceId,
    Yes,
    with_options,
)
from smile_trace.cli.deliver import deliver_into_trace, find_tracker
from smile_trace.cli.explain_now import DEPTH, Asked, read_scorer
from smile_trace.cli.explain_run import explain_run
from smile_trace.cli.marks import expected_of
from smile_trace.cli.output import check_writable, read_text, show_result
from smile_trace.cli.stored import also_stored, chosen_options, header, would_ask

if TYPE_CHECKING:
    from smile_trace.records import Explanation
    from smile_trace.records.path import ExplanationPath


_OF_A_PATH = (
    *("unit", "protect", "budget", "signal", "distance", "seed"),
    *("expected", "contains", "avoid"),
)
_TARGETS = ("expected", "contains", "avoid", "answer_part")
"""Options that say what is asked of the answer, in place of what people wrote."""
_LOADED = 50_000
"""New objects before Python looks for garbage: modules that are loaded are none, and looking takes
a tenth of a second before the first request."""


@with_options
def explain(
    context: typer.Context,
    trace_id: TraceId = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN_ID",
            help="Explain the traces of an evaluation run in MLflow (mlflow.genai.evaluate).",
        ),
    ] = None,
    prompt: Prompt = None,
    file: PromptFile = None,
    answer: Answer = None,
    model: Model = None,
    *,
    options: Mapping[str, Any],
    wrong: Annotated[
        bool,
        typer.Option(
            "--wrong",
            help="Take --expected from what people wrote about TRACE_ID in MLflow or Phoenix: the "
            "expected answer, or the facts in it.",
        ),
    ] = False,
    app: Application = None,
    path: Annotated[
        bool,
        typer.Option(
            "--path",
            help="Explain the final answer of the trace TRACE_ID, and the calls that led to it: "
            "those that called the tools it depends on, and earlier ones whose answers it "
            "was given.",
        ),
    ] = False,
    depth: Annotated[
        int,
        typer.Option(min=1, help="With --path: how many calls to go back from the final answer."),
    ] = DEPTH,
    html: Annotated[Path | None, typer.Option(help="Write the heatmap to this HTML file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the Explanation as JSON.")] = False,
    sanity_check: Annotated[
        bool,
        typer.Option(
            "--sanity-check",
            help="Also explain a copy of the prompt that contains a text of known effect; this "
            "takes as many calls again.",
        ),
    ] = False,
    deliver: Annotated[
        bool,
        typer.Option(
            "--deliver",
            help="Also write the explanation into the trace in its backend (MLflow, …).",
        ),
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="Explain again, without using stored explanations or answers. By default the "
            "stored explanation of TRACE_ID is shown, which costs nothing.",
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
            "--run cannot be combined with --answer, --app, --path, --html or --sanity-check"
        )
    if wrong and (trace_id is None or answer or any(map(options.get, _TARGETS))):
        refused = listed([f"--{name.replace('_', '-')}" for name in ("answer", *_TARGETS)])
        raise typer.BadParameter(f"--wrong takes a TRACE_ID, and cannot be combined with {refused}")
    if deliver and trace_id is None and run is None:
        raise typer.BadParameter(
            "--deliver takes the TRACE_ID of a trace in a backend (tr-… of MLflow)"
        )
    gc.set_threshold(_LOADED)
    from smile_trace.settings import Settings

    settings = Settings()
    beside = {"model": model, "depth": depth} if path else {"model": model}
    chosen = chosen_options(context, {**options, **beside})
    if wrong:
        options = {**options, "expected": expected_of(str(trace_id), settings)}
        chosen["expected"] = options["expected"]
    options = {**options, "scorer": read_scorer(options["scorer"], settings)}
    asked = Asked(
        text=prompt if file is None else read_text(file),
        trace_id=trace_id,
        model=model,
        answer=answer,
        app=app,
        options=options if "unit" in chosen else {**options, "unit": settings.explain.unit},
        chosen=chosen,
        depth=depth if path else None,
        sanity_check=sanity_check,
        fresh=fresh,
        dry_run=dry_run,
        yes=yes,
    )
    if run is not None:
        explain_run(run, asked, settings, deliver=deliver, json_rows=json)
        return
    place = str(trace_id)
    tracker = find_tracker(place, settings) if deliver else None
    look = asked.look_up(settings)
    if look is not None and look.found is not None:
        if dry_run:
            print(would_ask(look.found, json=json))
            return
        if not json:
            print("\n".join([header(look.found), *also_stored(look, place)]))
        result = look.found.result
        # The trace may have a later answer by now, which this does not explain.
        place = f"{place.partition(':')[0]}:{look.found.call_id.partition(':')[2]}"
    else:
        found = asked.ask(settings, look, json=json)
        if found is None:
            return
        result = found
    _show(result, html=html, json=json)
    if tracker is not None:
        deliver_into_trace(place, result, tracker, settings)


def _check_path(options: Mapping[str, Any], *, alone: bool) -> None:
    others = {name: value for name, value in options.items() if name not in _OF_A_PATH}
    if not alone or AllOptions(**others) != AllOptions():
        refused = ", ".join(f"--{name.replace('_', '-')}" for name in others)
        raise typer.BadParameter(
            f"--path takes a TRACE_ID, and cannot be combined with --answer, {refused} or "
            "--sanity-check"
        )


def _show(found: "Explanation | ExplanationPath", *, html: Path | None, json: bool) -> None:
    show_result(found, html=html, json=json)
    metadata = getattr(found, "metadata", {})  # a path has none
    if not json and (checked := metadata.get("sanity_check")):
        print(f"Sanity check {checked['outcome']}: {checked['reason'].rstrip('.')}.")
