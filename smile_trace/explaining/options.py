"""What decides an explanation besides the prompt and the model, as one frozen model."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from smile_trace.attribution import AnyUnit, CannotExplain, distance_named, written
from smile_trace.attribution.segmentation import boundaries
from smile_trace.attribution.segmentation.units import named
from smile_trace.explaining.named_models import AnyModel
from smile_trace.records import Call, ExplanationSettings, Message
from smile_trace.records.verdicts import SMALLEST_EFFECT
from smile_trace.settings import Settings, table_of

MIN_BUDGET = 4

USUAL_CALLS, CALLS_FOR_TEXTS, FEW_WORDS = 40, 80, 12
"""Calls by default: the first of a probability, which tells more in every call, and of a prompt of
up to FEW_WORDS words; the second where the texts of answers to a longer one are compared."""

MAX_CALLS_BESIDE_PROXY, USUAL_CALLS_BESIDE_PROXY = 20, 16
"""Calls to the target beside a proxy: a budget up to the first is taken as it is; of a larger one
no more than the second are needed."""


_LOOKED_AT = 1000
"""Characters of a message of which the words are counted."""


@dataclass(frozen=True, kw_only=True)
class ExplainOptions:
    """The options of one explanation: of `explain()`, the command line and the worker.

    What is stored of them with each explanation is an `ExplanationSettings`; see `to_record`.

    Args:
        unit: what is removed at a time: `auto` (the prompt's structure first, then the sentences
            and words of what matters; of a short prompt its words), `word`, `sentence`, `section`
            (by headings, XML elements, labels, numbered items or blank lines), `message`,
            `variable`; or `example`, `document`, `tool` (a definition), `tool_result`, `media`
            (an image or file), `turn`, `step` (a call of tools with its results), a compiled
            pattern (each match is a unit) or spans of your own (`(start, end)`,
            `(message, start, end)` or texts), with the rest of the prompt retained.
        protect: what is never removed: roles, exact texts, compiled patterns.
        budget: the most calls to the model, retries and the unperturbed prompt included; ≥ 4. By
            default 80 where texts are compared and the prompt has more than a dozen words, else 40.
        signal: compare the answers as texts, or by the probability of the given answer.
        distance: compare texts by `content` (what is left out or contradicted), by `words`, or by
            this distance of their word vectors (`distance_names()`).
        proxy: a cheaper model that is asked most perturbations in the model's place.
        seed: decides which segments are removed together.
        part: explain this part of the answer alone: a text as it stands in it, or a field of a JSON
            answer by its path (`$.city`).
        smallest_effect: the smallest effect that matters, in units of answer change; by default
            that of the settings.
        until_settled: go on beyond the budget while a part is neither named nor excluded, up to so
            many calls; not with a proxy.

    Raises:
        ValueError: the budget is too small.
    """

    unit: AnyUnit = "auto"
    protect: tuple[str | re.Pattern[str], ...] = ()
    budget: int | None = None
    signal: Literal["auto", "text", "probability"] = "auto"
    distance: str = "content"
    proxy: AnyModel | None = None
    seed: int = 0
    part: str | None = None
    smallest_effect: float | None = None
    until_settled: int | None = None

    def __post_init__(self) -> None:
        if self.calls < MIN_BUDGET:
            raise ValueError(f"budget must be at least {MIN_BUDGET} calls, not {self.budget}")

    @property
    def calls(self) -> int:
        """The budget, or the usual one."""
        return USUAL_CALLS if self.budget is None else self.budget

    def for_prompt(self, messages: Sequence[Message], *, scored: bool) -> "ExplainOptions":
        """The same with the budget that this prompt takes by default.

        Args:
            messages: the prompt.
            scored: whether the model can score a whole answer.
        """
        by_text = self.signal == "text" or (self.signal == "auto" and not scored)
        more = by_text and self.budget is None and _more_words(messages)
        return replace(self, budget=CALLS_FOR_TEXTS if more else self.calls)

    @classmethod
    def from_settings(
        cls, settings: Settings, model: str, call: Call | None = None
    ) -> "ExplainOptions":
        """The options with which the worker explains the calls of a captured model.

        Patterns to protect stay as they are written in the settings; `from_record` reads them.

        Args:
            settings: the worker's.
            model: the captured name.
            call: whose prompts and function may have options of their own.
        """
        chosen = settings.explain
        how = table_of(settings.models, model)
        most = settings.budget.calls_per_explanation
        options = cls(
            unit=written(chosen.unit),
            protect=chosen.protect,
            signal=chosen.signal,
            distance=chosen.distance,
            proxy=None if how is None else how.proxy,
            seed=chosen.seed,
            part=chosen.part,
            smallest_effect=chosen.smallest_effect,
        )
        if call is None:
            return replace(options, budget=min(options.calls, most))
        names = [f"function:{call.name}", *(f"prompt:{use.name}" for use in reversed(call.prompts))]
        for own in (chosen.some[name] for name in names if name in chosen.some):
            given = own.model_dump(exclude_none=True)
            budget = given.pop("calls", options.budget)
            unit = written(given.pop("unit")) if own.unit else options.unit
            options = replace(options, **given, unit=unit, budget=budget)
        options = options.for_prompt(
            call.messages, scored=how is not None and how.scores_whole_answers
        )
        return replace(options, budget=min(options.calls, most))

    @classmethod
    def from_record(cls, stored: ExplanationSettings) -> "ExplainOptions":
        """The options of a stored explanation or job.

        Raises:
            CannotExplain: there is no such distance, or a pattern to protect is no regular
                expression.
        """
        try:
            distance_named(stored.distance)
        except ValueError as error:
            raise CannotExplain(str(error)) from None
        return cls(
            unit=stored.unit if stored.pattern is None else re.compile(stored.pattern),
            protect=tuple(map(written, stored.protect)),
            budget=stored.budget,
            signal=stored.signal,
            distance=stored.distance,
            proxy=stored.proxy,
            seed=stored.seed,
            part=stored.part,
            smallest_effect=stored.smallest_effect,
            until_settled=stored.until_settled,
        )

    def to_record(self, model: str, proxy: str | None = None) -> ExplanationSettings:
        """What is stored with an explanation by the model of this name.

        Args:
            model: its name.
            proxy: the name of the proxy, where the options hold a Model or a function.

        Raises:
            ValueError: there is no such unit.
        """
        if proxy is None and isinstance(self.proxy, str):
            proxy = self.proxy
        return ExplanationSettings(
            model=model,
            unit=named(self.unit),
            protect=tuple(_readable(item) for item in self.protect),
            budget=self.calls if proxy is None else _beside_proxy(self.calls),
            signal=self.signal,
            distance=self.distance,
            proxy=proxy,
            seed=self.seed,
            part=self.part,
            pattern=self.unit.pattern if isinstance(self.unit, re.Pattern) else None,
            smallest_effect=self.smallest_effect or SMALLEST_EFFECT,
            until_settled=self.until_settled if proxy is None else None,
        )


def _more_words(messages: Sequence[Message]) -> bool:
    words = 0
    for message in messages:
        words += len(boundaries.words(message.content[:_LOOKED_AT]))
        if words > FEW_WORDS:
            return True
    return False


def _readable(item: str | re.Pattern[str]) -> str:
    return item if isinstance(item, str) else f"/{item.pattern}/"


def _beside_proxy(budget: int) -> int:
    """How many of `budget` calls go to the target where it has a proxy."""
    return budget if budget <= MAX_CALLS_BESIDE_PROXY else USUAL_CALLS_BESIDE_PROXY
