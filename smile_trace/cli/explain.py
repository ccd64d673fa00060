"""`smile-trace explain`: one explanation now, of a prompt or of a captured call."""

import os
import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from smile_trace.cli.confirmation import agree, in_words
from smile_trace.errors import SmileTraceError


class Signal(StrEnum):
    """How answers are compared."""

    auto = "auto"
    text = "text"
    probability = "probability"


def explain(
    trace_id: Annotated[
        str | None, typer.Argument(help="A captured call: TRACE_ID or TRACE_ID:SPAN_ID.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="The prompt's text.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="A file that holds the prompt's text; - reads stdin.")
    ] = None,
    answer: Annotated[
        str | None, typer.Option(help="What the model said; asked first where it is missing.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="A model of the settings, or demo; a captured call has its own."),
    ] = None,
    unit: Annotated[
        str,
        typer.Option(
            metavar="UNIT",
            help="What is left out: word, sentence, section, message, variable, example, "
            "document, or the matches of a /PATTERN/.",
        ),
    ] = "word",
    protect: Annotated[
        list[str] | None,
        typer.Option(help="A role, a text or a /PATTERN/ that is never left out; repeatable."),
    ] = None,
    budget: Annotated[int, typer.Option(min=4, help="The most calls to the model.")] = 40,
    proxy: Annotated[
        str | None,
        typer.Option(
            help="A cheaper model of the settings, or demo, that is asked most in the model's "
            "place; the model itself no more than 20 times."
        ),
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="Explain this part of the answer alone, as it stands in it.")
    ] = None,
    app: Annotated[
        str | None,
        typer.Option(help="The application's module, to call its function again (kind rerun)."),
    ] = None,
    signal: Annotated[Signal, typer.Option(help="How answers are compared.")] = Signal.auto,
    seed: Annotated[int, typer.Option(help="Decides what is left out together.")] = 0,
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
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Ask nothing: show what would be asked and cost at most."),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask a model that costs money without a question.")
    ] = False,
) -> None:
    """Show which parts of a prompt drive the answer: --prompt TEXT, --file F, or TRACE_ID."""
    if sum(given is not None for given in (trace_id, prompt, file)) != 1:
        raise typer.BadParameter("give exactly one of --prompt, --file and TRACE_ID")
    if model is None and trace_id is None:
        raise typer.BadParameter("give --model NAME (demo is the packaged one)")
    if html is not None:
        _look_at(html)
    text = prompt if file is None else _read(file)
    try:
        from smile_trace.attribution import ROLES, find_answer_span, unmatched_protections, written
        from smile_trace.evaluation import check_by_injection, estimate_check
        from smile_trace.explaining import explain as explain_now
        from smile_trace.explaining.cost_estimate import check_worth, estimate_of
        from smile_trace.explaining.preparation import prepare
        from smile_trace.settings import Settings
    except ImportError as error:
        raise SmileTraceError(
            f"explaining needs more than is installed ({error.name} is missing): "
            "pip install 'smile-trace[worker]'"
        ) from error
    asked: dict[str, Any] = {
        "trace_id": trace_id,
        "model": model,
        "answer": answer,
        "unit": _unit(unit),
        "protect": [written(text) for text in protect or ()],
        "budget": budget,
        "signal": signal.value,
        "proxy": proxy,
        "app": app,
        "seed": seed,
    }
    settings = Settings()
    prepared = prepare(text, settings, parameters=None, **asked)
    for missing in unmatched_protections(prepared.prompted.messages, prepared.protect):
        if missing not in ROLES:
            raise SmileTraceError(_no_such_text(missing))
        print(_no_such_role(missing), file=sys.stderr)
    alone = prepare(text, settings, parameters=None, **{**asked, "proxy": None})
    if part is not None and prepared.prompted.answer is not None:
        find_answer_span(
            prepared.prompted.answer, part
        )  # or it is not there: said before a cent is spent
    most = estimate_of(prepared, embeddings=settings.explain.embeddings)
    check_worth(prepared)
    if sanity_check:
        most = most.plus(estimate_check(alone))
    if dry_run:
        print(most.model_dump_json(indent=2) if json else in_words(most))
        return
    agree(most, yes=yes)
    calls = most.calls + (0 if most.proxy is None else most.proxy.calls)
    with _Progress(calls) if sys.stderr.isatty() else nullcontext() as on_round:
        explanation = explain_now(text, **asked, part=part, on_round=on_round)
        if sanity_check:
            checked = check_by_injection(alone, on_round=on_round)
            metadata = {"sanity_check": checked.model_dump(mode="json")}
            explanation = explanation.model_copy(update={"metadata": metadata})
    if html is not None:
        _write(html, explanation.to_html())
    if json:
        print(explanation.model_dump_json(indent=2))
    elif html is None:
        explanation.show()
    else:
        print(f"{explanation.summary}\n{html.absolute()}")
    if sanity_check and not json:
        print(f"Sanity check {checked.outcome}: {checked.reason}.")


def _unit(text: str) -> Any:
    from smile_trace.attribution.segmentation import units

    unit = units.written(text)
    try:
        units.named(unit)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return unit


def _no_such_text(missing: str | re.Pattern[str]) -> str:
    said = missing if isinstance(missing, str) else f"/{missing.pattern}/"
    return (
        f"--protect {said!r} stands nowhere in the prompt: give whole words as they stand in it, "
        "a role of its messages, or a /PATTERN/"
    )


def _no_such_role(role: object) -> str:
    # No error: one command line may serve prompts with and without such a message.
    return f"no message has the role {role!r}; write /\\b{role}\\b/ to protect the word"


class _Progress:
    """A bar on standard error that counts answers; entered, it gives the hook for each round."""

    def __init__(self, budget: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("Asking", total=budget)

    def __enter__(self) -> "_Progress":
        self._bar.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._bar.stop()

    def __call__(self, perturbations: Sequence[Any], responses: Sequence[Any]) -> None:
        self._bar.advance(self._task, len(responses))


def _read(file: Path) -> str:
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return raw.decode("utf-8").removesuffix("\n")
    except OSError as error:
        raise SmileTraceError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SmileTraceError(f"{file} is no UTF-8 text: convert it first") from None


def _look_at(file: Path) -> None:
    """Whether it can be written: said before the model is asked."""
    if not file.parent.is_dir():
        raise SmileTraceError(f"{file} cannot be written: there is no folder {file.parent}")
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise SmileTraceError(f"{file} cannot be written: it is a folder, or not yours to write")


def _write(file: Path, page: str) -> None:
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SmileTraceError(f"{file} cannot be written: {error.strerror}") from None
