"""What is explained, how, and for how much: `[sampling]`, `[budget]`, `[explain]`, `[probes]`,
`[drift]`, `[review]`, `[pooling]`."""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, create_model, model_validator

from smile_trace._options import SettableOptions, by_new_names, described
from smile_trace.settings.table import Cap, Table


class Sampling(Table):
    """Which captured calls are explained."""

    rate: float = Field(0.01, ge=0, le=1)
    """Share of the calls."""
    minimum_per_prompt_version: int = Field(3, ge=0)
    """The first answers of each prompt version (or, without a Prompt, of each function) that are
    explained whatever the rate says; an agent's steps are no answers."""


class Budget(Table):
    """What may be spent; `"none"` = no cap of that kind."""

    calls_per_explanation: int = Field(80, ge=4)
    """The most requests for one explanation, retries included. 40 are taken where probabilities are
    compared or the prompt has at most a dozen words. Below 13 most explanations stay
    inconclusive."""
    usd_per_explanation: Cap[float] = Field(0.05, ge=0)
    """US dollars for one explanation, its proxy's included, where the prices are known."""
    calls_per_path: int = Field(240, ge=15)
    """Requests for the path of a trace (`explain.path`), all its calls together."""
    calls_per_profile: int = Field(40, ge=4)
    """Requests for the profile of a call (`probes.rate`); 48 find more where all probes apply."""
    proxy_calls_per_explanation: int = Field(200, ge=30)
    """Requests to a proxy for one explanation. They count in the caps of the proxy's own table, and
    here in those in US dollars alone."""
    calls_per_day: Cap[int] = Field(2000, ge=0)
    """Requests per day (UTC), retries included."""
    tokens_per_day: Cap[int] = Field(None, ge=0)
    """Input and output tokens per day (UTC)."""
    usd_per_day: Cap[float] = Field(1.0, ge=0)
    """US dollars per day (UTC), where prices are known."""


_SOME = ("prompt:", "function:")

_UNITS = (
    "auto",
    "word",
    "sentence",
    "section",
    "message",
    "variable",
    "example",
    "document",
    "tool",
    "tool_result",
    "media",
    "reasoning",
    "cell",
    "turn",
    "step",
)


def _check_unit(written: str) -> str:
    if len(written) > 2 and written[0] == written[-1] == "/":
        try:
            re.compile(written[1:-1])
        except re.error as error:
            raise ValueError(f"{written} is not a valid regular expression: {error}") from None
    elif written not in _UNITS:
        raise ValueError(f"take {', '.join(_UNITS)} or a /pattern/")
    return written


ExplainedUnit = Annotated[str, AfterValidator(_check_unit)]


class _ExplainingSome(Table):
    """How the calls of one prompt are explained, or with `[explain."function:NAME"]` those of one
    decorated function, where that is not as in `[explain]` (`calls`: calls per explanation, at most
    `budget.calls_per_explanation`). A prompt's table goes before a function's."""

    unit: ExplainedUnit | None = None
    """What is removed at a time."""
    protect: tuple[str, ...] | None = None
    """What is never removed."""
    calls: int | None = Field(None, ge=4)
    """Calls per explanation, in place of 40 or 80; `budget.calls_per_explanation` is the most."""

    @model_validator(mode="before")
    @classmethod
    def _rename(cls, table: Any) -> Any:
        """Take the names of release 0.2."""
        return by_new_names(table, "explain.") if isinstance(table, dict) else table


if TYPE_CHECKING:
    ExplainingSome = _ExplainingSome
else:
    ExplainingSome = create_model(
        "ExplainingSome",
        __base__=_ExplainingSome,
        __doc__=_ExplainingSome.__doc__,
        **{
            name: (kind | None, Field(None, description=about.of_some))
            for name, kind, _, about in described(SettableOptions)
            if about.of_some is not None
        },
    )


class Explaining(Table, SettableOptions):
    """How a call is explained."""

    unit: ExplainedUnit = "auto"
    """What is removed at a time ([units](explaining.md#what-is-removed-units))."""
    protect: tuple[str, ...] = ()
    """Roles (`system`, `assistant`, …), exact texts or `/patterns/` that are never removed."""
    smallest_effect: float = Field(0.1, gt=0, lt=1)
    """The smallest effect that matters, as a share of the answer: where one as large is excluded, a
    part made no measurable difference."""
    solver: Literal["process", "smile"] = "process"
    """What is fitted to the answer changes: a Gaussian process, or SMILE's weighted ridge (not
    beside a proxy)."""
    embeddings: str | None = None
    """A model of `[models]` (an endpoint) whose `/v1/embeddings` replaces the packaged
    vectors of sentences and words."""
    sanity_check_rate: float = Field(0.0, ge=0, le=1)
    """Share of the explained calls whose explanation is [checked](checks.md), for as many calls
    again."""
    path: bool = False
    """Whether the path of a trace of several calls is explained, too, once its final answer is."""
    some: dict[str, ExplainingSome] = {}
    """By `prompt:NAME` or `function:NAME`."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, table: Any) -> Any:
        """Gather the tables of prompts and functions, which stand beside the other settings."""
        if not isinstance(table, dict):
            return table
        table = by_new_names(table, "explain.")
        some = {name: held for name, held in table.items() if name.startswith(_SOME)}
        others = {name: held for name, held in table.items() if name not in some}
        return {**others, "some": {**others.get("some", {}), **some}} if some else table


class Probes(Table):
    """Which of the explained calls are profiled, too: what happens to the answer when the request
    changes a little."""

    rate: float = Field(0.0, ge=0, le=1)
    """Share of the explained calls; each profile takes up to `budget.calls_per_profile` calls."""
    only: tuple[str, ...] = ()
    """The probes that are used (`order`, `format`, …) besides `stability` and `paraphrase`; all of
    them if it is empty."""
    prompts: tuple[str, ...] = ()
    """The prompts, or functions without one, whose calls are profiled; all if it is empty."""


class Drift(Table):
    """Which prompts are replayed every period, to see whether their model still answers as it
    did."""

    prompts: tuple[str, ...] = ()
    """Prompts, or functions without one, by name; none where it is empty."""
    probes: tuple[str, ...] = ("stability",)
    """The probes whose variants are replayed (`stability`: the request itself), one per case and
    period."""
    cases: int = Field(20, ge=2, le=200)
    """Requests in the set. The first period takes up to four calls for each, with one probe; later
    ones take one for each case and probe."""
    period_hours: float = Field(24.0, ge=0.25, le=8760)
    """Time from one replay to the next."""
    false_alarm_rate: float = Field(0.05, gt=0, lt=1)
    """The chance of an alarm about a prompt, ever, where nothing changes; all its probes
    together."""
    webhook_env: str | None = None
    """The environment variable that holds the address to which an alarm is posted as JSON."""


class Review(Table):
    """Who judges what the probes found, besides people."""

    judge: str | None = None
    """A table of `[models]`, or `demo`, whose judgements count once they agree with people's
    ([review.md](review.md#a-model-as-a-judge))."""


class Pooling(Table):
    """Pooled mode: few perturbed prompts on each of many calls of a prompt version."""

    calls_per_prompt_version: int = Field(0, ge=0)
    """Calls to the model that pooling may take per prompt version; 0 = no pooling."""
    calls_per_call: int = Field(7, ge=3, le=100)
    """Calls to the model per pooled call, its baseline included."""
