"""Possible changes of a prompt, and the outcome of trying them."""

from typing import Literal

from smile_trace._text.rare_cases import RareCase
from smile_trace.records.base import Record, view
from smile_trace.records.comparison import AnswerComparison, Example
from smile_trace.records.report import Share

SuggestionKind = Literal["no_effect", "harmful", "document", "hijack", "order", "format"]
"""`no_effect`: a shorter prompt, without instructions whose effect is excluded. `harmful`: without
an instruction that makes confirmed failures wrong. `document`: without a document that makes
answers wrong, by the same template. `hijack`: with a sentence after which instructions in documents
are no longer obeyed. `order`: with its paragraphs in an order that makes that of documents,
examples or options matter less. `format`: the same words in a format on which the answers depend
less."""


class Untested(Record):
    """An instruction without an effect in the searched calls that acts in certain cases only: they
    did not come up, so the calls do not test it. It is never proposed for removal."""

    text: str
    acts_in: RareCase


class ProbedTrial(Record):
    """The held-out calls with a probe's variation, under both prompts. `before` and `after` are the
    shares of calls that it changes, among those that it can vary. `p_value` is one-sided for "no
    fewer than before" (McNemar's exact test); None if no call changed."""

    probe: str
    before: Share
    after: Share
    p_value: float | None = None


class Trial(Record):
    """The changed prompt replayed beside the original.

    `answers`: how far the answers to the held-out calls lie apart, beyond the model's own noise.
    `moved`: the held-out calls that lost the smallest effect or more, beyond noise.
    `cases_gained`: among requests with confirmed failures that the original gets wrong, those that
    the changed prompt gets all right; `cases_lost`: among those that it gets right, those with one
    now wrong. Failures of one request count once. `p_value` is one-sided for "no more requests
    gained than lost" (McNemar's exact test, 1947); None if none changed. `example`: of a model that
    repeats itself the answers that moved most, None if all are the same.
    """

    answers: AnswerComparison
    moved: Share
    cases_gained: Share
    cases_lost: Share
    p_value: float | None = None
    probed: ProbedTrial | None = None
    example: Example | None = None


class Suggestion(Record):
    """A change of a prompt that was replayed, and harmed nothing. `template` is the changed one.
    `tokens_saved` is the mean over the held-out calls, negative if the prompt became longer; it was
    counted by the model's own tokenizer, or is the usage it reported (`tokens_by`). `usd_saved` is
    per thousand calls. Each is None if unknown."""

    kind: SuggestionKind
    what: str
    removed: tuple[str, ...] = ()
    added: str = ""
    template: str
    trial: Trial
    tokens_saved: float | None = None
    tokens_by: Literal["tokenizer", "usage"] | None = None
    usd_saved: float | None = None


class NotProposed(Record):
    """A change that was looked for and is not proposed, and why. `trial` is None if none was
    made."""

    kind: SuggestionKind
    what: str
    why: str
    trial: Trial | None = None


class Suggestions(Record):
    """Possible changes of one version of a prompt. They were made from `searched` calls and
    `cases_searched` confirmed failures, and each was replayed on others, `held_out` calls and
    `cases_held_out`, with `calls` new calls to the model. A change is proposed only if a mean
    answer change of `smallest_effect` on the held-out calls is excluded."""

    prompt: str
    version: str
    model: str
    template: str
    suggestions: tuple[Suggestion, ...] = ()
    not_proposed: tuple[NotProposed, ...] = ()
    not_tested: tuple[Untested, ...] = ()
    searched: int = 0
    held_out: int = 0
    cases_searched: int = 0
    cases_held_out: int = 0
    calls: int = 0
    smallest_effect: float
    seed: int
    summary: str = ""
    made_at: str

    def show(self) -> None:
        """Print them."""
        view(self, "show")
