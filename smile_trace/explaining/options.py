"""The options of an explanation, and a decorator that takes a dataclass's fields as arguments."""

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar, get_args, get_origin

from smile_trace._options import (
    RENAMED,
    AllOptions,
    SettableOptions,
    StoredOptions,
    by_new_names,
    described,
    listed_texts,
    shared,
    written_options,
)
from smile_trace.attribution import (
    CannotExplain,
    distance_named,
    name_of_solver,
    solver_of,
    written,
)
from smile_trace.attribution.estimation.regressor_solver import PROCESS
from smile_trace.attribution.segmentation import boundaries
from smile_trace.attribution.segmentation.units import named
from smile_trace.models import Model
from smile_trace.records import JSON, Call, ExplanationSettings, Message
from smile_trace.records.verdicts import SMALLEST_EFFECT
from smile_trace.settings import Settings, table_of

AnyModel = str | Model | Callable[[str], Any]
AnyScorer = str | Callable[..., Any]
AnyPrompt = str | Sequence[Message | Mapping[str, Any]]

MIN_BUDGET = 4

USUAL_CALLS, CALLS_FOR_TEXTS, FEW_WORDS = 40, 80, 12
"""Default calls: the first for probabilities, which tell more per call, and prompts of up to
FEW_WORDS words; the second where the answers' texts to a longer prompt are compared."""

MAX_CALLS_BESIDE_PROXY, USUAL_CALLS_BESIDE_PROXY = 20, 16
"""Calls to the target beside a proxy: a budget up to the first is kept; a larger one is cut to the
second."""


_LOOKED_AT = 1000
"""Characters of a message in which words are counted."""


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(AllOptions):
    """The options of one explanation, described in `smile_trace._options`. `smallest_effect`: in
    units of answer change; by default that of the settings. Raises ValueError if the budget is too
    small."""

    smallest_effect: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "protect", tuple(self.protect))
        for name in ("contains", "avoid"):
            object.__setattr__(self, name, listed_texts(getattr(self, name)))
        if self.calls < MIN_BUDGET:
            raise ValueError(f"budget must be at least {MIN_BUDGET} calls, not {self.budget}")

    @property
    def calls(self) -> int:
        """The budget, or the default."""
        return USUAL_CALLS if self.budget is None else self.budget

    def for_prompt(
        self, messages: Sequence[Message], *, scored: bool, long: bool | None = None
    ) -> "ExplainOptions":
        """The same with the default budget for this prompt, unless set; `scored`: whole answers are
        scored, `long`: whether it `is_long`, if that is known."""
        by_text = self.target or self.signal == "text" or (self.signal == "auto" and not scored)
        more = by_text and self.budget is None and (is_long(messages) if long is None else long)
        return replace(self, budget=CALLS_FOR_TEXTS if more else self.calls)

    @classmethod
    def from_settings(
        cls, settings: Settings, model: str, call: Call | None = None, *, long: bool | None = None
    ) -> "ExplainOptions":
        """The options with which the worker explains the calls of a captured model.

        Patterns to protect stay as they are written in the settings; `from_record` reads them.
        `model`: the captured name; `call`: its prompts and function may have options of their own;
        `long`: whether its prompt `is_long`, if that is known.
        """
        chosen = settings.explain
        how = table_of(settings.models, model)
        most = settings.budget.calls_per_explanation
        options = cls(
            unit=written(chosen.unit),
            protect=chosen.protect,
            proxy=None if how is None else how.proxy,
            smallest_effect=chosen.smallest_effect,
            solver=chosen.solver,
            **shared(chosen, SettableOptions),
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
            call.messages, scored=how is not None and how.scores_whole_answers, long=long
        )
        return replace(options, budget=min(options.calls, most))

    @classmethod
    def from_record(cls, stored: ExplanationSettings) -> "ExplainOptions":
        """The options of a stored explanation or job. Raises CannotExplain for an unknown distance
        or solver (a record only names a regressor), or a pattern to protect that is no regular
        expression."""
        try:
            distance_named(stored.distance)
            solver_of(stored.solver)
        except ValueError as error:
            raise CannotExplain(str(error)) from None
        return cls(
            unit=stored.unit if stored.pattern is None else re.compile(stored.pattern),
            protect=tuple(map(written, stored.protect)),
            budget=stored.budget,
            proxy=stored.proxy,
            smallest_effect=stored.smallest_effect,
            solver=stored.solver,
            scorer=stored.scorer,
            **shared(stored, StoredOptions),
        )

    def to_record(self, model: str, proxy: str | None = None) -> ExplanationSettings:
        """The part of the options that is stored with an explanation by the model of this name;
        `proxy` names a proxy that is a Model or a function. Raises ValueError if there is no such
        unit."""
        if proxy is None and isinstance(self.proxy, str):
            proxy = self.proxy
        options = shared(self, StoredOptions)
        solver = name_of_solver(self.solver)
        if proxy is not None:
            options["until_settled"], solver = None, PROCESS
        return ExplanationSettings(
            model=model,
            unit=named(self.unit),
            protect=tuple(_readable(item) for item in self.protect),
            budget=self.calls if proxy is None else _beside_proxy(self.calls),
            proxy=proxy,
            pattern=self.unit.pattern if isinstance(self.unit, re.Pattern) else None,
            smallest_effect=self.smallest_effect or SMALLEST_EFFECT,
            solver=solver,
            scorer=name_of_scorer(self.scorer),
            **options,
        )


@dataclass(frozen=True)
class Question(AllOptions):
    """A prompt or a captured call, the model to ask about it, and how it is explained.

    Args:
        prompt: a text, a list of chat messages, or a rendering of a `Prompt`.
        model: a name from the settings, a Model, or a function `str -> str` (also async); `"demo"`
            is the packaged local model. With `trace_id` the call's own by default.
        trace_id: explain a captured call of the store instead: the trace's id (its last call that
            has an answer), or `trace_id:span_id`.
        answer: what the model said; asked first where it is missing, within the budget.
        parameters: request parameters, e.g. `{"temperature": 0}`.
        app: the module of the application, for a captured call of a model of kind "rerun".
    """

    prompt: AnyPrompt | None = None
    _: KW_ONLY
    model: AnyModel | None = None
    trace_id: str | None = None
    answer: str | None = None
    parameters: Mapping[str, JSON] | None = None
    app: str | None = None
    given: frozenset[str] = field(default=frozenset(), init=False, repr=False, compare=False)
    """The names of the arguments that the caller gave, also those with their default."""

    @property
    def chosen(self) -> dict[str, Any] | None:
        """The given options, as they are written at the command line. None if what is explained
        cannot be found again by them: a prompt, another answer, a Model, spans of one's own."""
        others = (self.prompt, self.answer, self.parameters)
        if self.trace_id is None or any(given is not None for given in others):
            return None
        names = self.given & {"model", *(option.name for option in fields(AllOptions))}
        return written_options({name: getattr(self, name) for name in sorted(names)})

    @property
    def options(self) -> ExplainOptions:
        """The options alone, with the errors of `ExplainOptions`."""
        return ExplainOptions(**shared(self, AllOptions))


Arguments = ParamSpec("Arguments")
Asked = TypeVar("Asked")
Result = TypeVar("Result")


def takes(
    asked: Callable[Arguments, Asked],
) -> Callable[[Callable[[Asked], Result]], Callable[Arguments, Result]]:
    """Make a function of one object take the arguments of its class, with their signature;
    `smile_trace._options` documents the options in its docstring."""
    signature = inspect.signature(asked)
    plain = [
        parameter.replace(annotation=_plain(parameter.annotation))
        for parameter in signature.parameters.values()
    ]

    def decorate(function: Callable[[Asked], Result]) -> Callable[Arguments, Result]:
        @wraps(function)
        def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            if not RENAMED.keys().isdisjoint(kwargs):
                kwargs = by_new_names(kwargs, caller=2)  # type: ignore[assignment]
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{function.__name__}() {error}") from None
            made = asked(*args, **kwargs)
            if isinstance(made, Question):  # frozen: while it is made
                object.__setattr__(made, "given", frozenset(bound.arguments))
            return function(made)

        returned = inspect.signature(function).return_annotation
        call.__signature__ = inspect.Signature(plain, return_annotation=returned)  # type: ignore[attr-defined]
        call.__doc__ = inspect.cleandoc(function.__doc__ or "").replace(
            "\nRaises:", f"{_documented()}\n\nRaises:", 1
        )
        return call

    return decorate


def _documented() -> str:
    wrapped = (
        textwrap.fill(f"{name}: {about.argument}", 96, subsequent_indent=" " * 4)
        for name, _, _, about in described(AllOptions)
    )
    return textwrap.indent("\n".join(wrapped), " " * 4)


def _plain(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return getattr(annotation, "__forward_arg__", annotation)


def of_mlflow(scorer: object) -> bool:
    """Whether it is a scorer of mlflow.genai, which is not imported for that."""
    kinds = type(scorer).__mro__
    return any(kind.__module__.startswith("mlflow.") for kind in kinds) and hasattr(scorer, "run")


def name_of_scorer(scorer: AnyScorer | None) -> str | None:
    """The name that is stored with an explanation. Raises TypeError if it is no scorer."""
    if scorer is None or isinstance(scorer, str):
        return scorer
    if not callable(scorer):
        raise TypeError(f"a scorer is a function, a scorer of mlflow.genai or a name: {scorer!r}")
    if of_mlflow(scorer):
        return str(getattr(scorer, "name", ""))
    named = scorer if hasattr(scorer, "__qualname__") else type(scorer)
    return f"{named.__module__}:{named.__qualname__}"


def is_long(messages: Sequence[Message]) -> bool:
    """Whether a prompt has more than FEW_WORDS words."""
    words = 0
    for message in messages:
        words += len(boundaries.words(message.content[:_LOOKED_AT]))
        if words > FEW_WORDS:
            return True
    return False


def _readable(item: str | re.Pattern[str]) -> str:
    return item if isinstance(item, str) else f"/{item.pattern}/"


def _beside_proxy(budget: int) -> int:
    return budget if budget <= MAX_CALLS_BESIDE_PROXY else USUAL_CALLS_BESIDE_PROXY
