"""What could be changed in a prompt, and what came of it where it was tried."""

from typing import Literal

from smile_trace.records.base import Record, view
from smile_trace.records.comparison import AnswerComparison
from smile_trace.records.report import Share

SuggestionKind = Literal["no_effect", "harmful", "document", "hijack", "order", "format"]
"""`no_effect`: a shorter prompt, without instructions of which an effect is excluded. `harmful`: a
prompt without an instruction that makes confirmed failures wrong. `document`: requests without a
document that makes them wrong, by the same template. `hijack`: a sentence after which instructions
that stand in documents are no longer obeyed. `order`: its paragraphs in an order in which that of
the documents, examples or options matters less. `format`: the same words in a format in which the
answers depend less on it."""


class ProbedTrial(Record):
    """The held-out calls with what a probe varies, by both prompts.

    `before` and `after` are the shares that this changes, of those that it can vary. `p_value` is
    one-sided for "no fewer than before" (McNemar's exact test); None where no call changed.
    """

    probe: str
    before: Share
    after: Share
    p_value: float | None = None


class Trial(Record):
    """The changed prompt replayed beside the prompt as it is.

    `answers`: how far the answers to the held-out calls lie apart, beyond the model's own noise.
    `moved`: the held-out calls whose answer became another one (half of it is gone).
    `cases_gained`: of the requests with confirmed failures that the prompt gets wrong, those of
    which the changed one gets all right; `cases_lost`: of those with failures that it gets right,
    those of which the changed one gets one wrong. Failures of one request count once: they are not
    independent. `p_value` is one-sided for "it gains no more requests than it loses" (McNemar's
    exact test, 1947); None where none changed. `probed` is of suggestions that come from a probe.
    """

    answers: AnswerComparison
    moved: Share
    cases_gained: Share
    cases_lost: Share
    p_value: float | None = None
    probed: ProbedTrial | None = None


class Suggestion(Record):
    """A change of a prompt that was replayed, and harmed nothing.

    `template` is the changed one, `removed` and `added` are how it differs. `tokens_saved` is the
    mean over the held-out calls, per call, negative where the prompt became longer, and
    `tokens_by` who counted: the model's own tokenizer, or the usage that it reported; None where
    nobody did. `usd_saved` is per thousand calls, None where no price is known.
    """

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
    """What was looked for and is not proposed, and why. `trial` is None where none was made."""

    kind: SuggestionKind
    what: str
    why: str
    trial: Trial | None = None


class Suggestions(Record):
    """What could be changed in one version of a prompt.

    `searched` calls and `cases_searched` confirmed failures are what suggestions were made from;
    on others, `held_out` calls and `cases_held_out`, each was replayed before it stands here.
    `calls`: how many new calls to the model that took. Only where a mean change of the answers to
    the held-out calls of `smallest_effect`, in units of answer change, is excluded, is it proposed.
    """

    prompt: str
    version: str
    model: str
    template: str
    suggestions: tuple[Suggestion, ...] = ()
    not_proposed: tuple[NotProposed, ...] = ()
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
