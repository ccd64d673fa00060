"""What `smile-trace explain` asks of a model, where the store has no answer."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import typer

from smile_trace.cli.arguments import confirm, describe
from smile_trace.cli.output import call_bar
from smile_trace.cli.stored import awaited, say_before_asking
from smile_trace.errors import BudgetExceeded, SmileTraceError

if TYPE_CHECKING:
    from smile_trace.explaining.driver import OnRound
    from smile_trace.explaining.options import Question
    from smile_trace.explaining.preparation import Prepared
    from smile_trace.records import Explanation
    from smile_trace.records.path import ExplanationPath
    from smile_trace.settings import Settings
    from smile_trace.store.requested import Kind
    from smile_trace.store.stored import Look

DEPTH = 5
"""Default calls of a path from the final answer back."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line asks to be explained. `options`: all options, `chosen` those that were
    given, as they are written; `depth`: of a path; None for one explanation."""

    text: str | None
    trace_id: str | None
    model: str | None
    answer: str | None
    app: str | None
    options: Mapping[str, Any]
    chosen: Mapping[str, Any]
    depth: int | None
    sanity_check: bool
    fresh: bool
    dry_run: bool
    yes: bool

    @property
    def _anew(self) -> bool:
        """Whether what is stored does not count: a function may score otherwise by now, which costs
        nothing, since answers are stored."""
        return self.fresh or callable(self.options.get("scorer"))

    def look_up(self, settings: "Settings") -> "Look | None":
        """What the store has of it; None if it has to be asked anew. Loads no model and no
        arithmetic."""
        if self.trace_id is None or self.answer is not None or self._anew or self.sanity_check:
            return None
        from smile_trace.store.stored import look_up

        kind: Kind = "explanation" if self.depth is None else "path"
        look = partial(look_up, self.trace_id, self.chosen, settings, kind)
        # Options may ask for something else than what the worker makes.
        return look() if self.chosen or self.dry_run else awaited(look)

    def stored(self, call_id: str, settings: "Settings") -> "Explanation | None":
        """The stored explanation of a row of a run, unless it is to be asked again."""
        from smile_trace.store.stored import look_up

        return None if self._anew else look_up(call_id, self.chosen, settings).explanation

    def question(self) -> "Question":
        """The question to `explain()`; raises typer.BadParameter for an unknown option."""
        from smile_trace.explaining.options import Question
        from smile_trace.explaining.paths import default_budget

        options = _read(self.options)
        question = Question(
            self.text,
            model=self.model,
            trace_id=self.trace_id,
            answer=self.answer,
            app=self.app,
            **options,
        )
        if self.depth is None or question.budget is not None:
            return question
        return replace(question, budget=default_budget(question))

    def ask(
        self, settings: "Settings", look: "Look | None", *, json: bool
    ) -> "Explanation | ExplanationPath | None":
        """Explain it now, and keep what a later command may show; None in a dry run, which prints
        what would be asked."""
        from smile_trace.explaining.paths import ask_path, estimate_path
        from smile_trace.explaining.preparation import prepare
        from smile_trace.explaining.spending import check_worth, estimate_of

        question = self.question()
        prepared = prepare(question, settings)
        _check_protected(prepared)
        trace = prepared.trace
        if self.depth is not None and trace is not None:
            most = estimate_path(question, trace, settings)
        else:
            most = estimate_of(prepared, embeddings=settings.explain.embeddings)
        check_worth(prepared)
        if self.sanity_check:
            from smile_trace.evaluation import estimate_check

            most = most.plus(estimate_check(prepared.without_proxy()))
        if look is not None:
            say_before_asking(look, self.chosen)
        if self.dry_run:
            print(most.model_dump_json(indent=2) if json else describe(most))
            return None
        confirm(most, yes=self.yes)
        found: Explanation | ExplanationPath
        with call_bar(most.calls + (0 if most.proxy is None else most.proxy.calls)) as on_round:
            if self.depth is not None and trace is not None:
                found = ask_path(
                    question, trace, settings, depth=self.depth, fresh=self.fresh, on_round=on_round
                )
            else:
                found = self._explain(prepared, settings, on_round)
        self._keep(found, prepared, settings)
        return found

    def _keep(
        self, found: "Explanation | ExplanationPath", prepared: "Prepared", settings: "Settings"
    ) -> None:
        trace, call_id = prepared.trace, prepared.call_id
        if self.trace_id is None or self.answer is not None or trace is None or call_id is None:
            return
        from smile_trace.store.stored import keep

        keep(found, trace, call_id, self.chosen, settings, wanted=self.trace_id)

    def _explain(
        self, prepared: "Prepared", settings: "Settings", on_round: "OnRound | None"
    ) -> "Explanation":
        """The explanation, with the sanity check in its metadata if one is wanted."""
        from smile_trace.explaining.api import explain_prepared
        from smile_trace.models import ModelUnavailable

        explanation = explain_prepared(prepared, settings, fresh=self.fresh, on_round=on_round)
        if not self.sanity_check:
            return explanation
        from smile_trace.evaluation import check_by_injection
        from smile_trace.records.evaluation import SanityCheck

        try:
            checked = check_by_injection(prepared.without_proxy(), on_round=on_round)
        except (BudgetExceeded, ModelUnavailable) as error:  # what is explained is shown, as it is
            checked = SanityCheck(outcome="inconclusive", reason=str(error))
        metadata = {"sanity_check": checked.model_dump(mode="json")}
        return explanation.model_copy(update={"metadata": metadata})


def read_scorer(name: str | None, settings: "Settings") -> Any:
    """The scorer that the command line names: a model, or a function of a module of this folder.
    No settings' file names one, which could run anything. Raises SmileTraceError if there is no
    such function."""
    module, colon, path = (name or "").partition(":")
    if not colon or name in settings.models:
        return name
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return attrgetter(path)(import_module(module))
    except (Exception, SystemExit) as error:
        raise SmileTraceError(
            f"--scorer {name} is neither a model of the settings nor a function "
            f"MODULE:FUNCTION in this folder: {type(error).__name__}: {error}"
        ) from error


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
            f"--protect {said!r} is not in the prompt: give whole words as they appear in "
            "it, a role of its messages, or a /PATTERN/"
        )
