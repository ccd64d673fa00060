"""The outcome of a check: what a branch does to its prompts, and the limits that they break."""

from smile_trace.probes.gate import CheckedLimit
from smile_trace.records import Record
from smile_trace.records.comparison import AnswerComparison, Comparison
from smile_trace.store.spending.accounts import Spent


class Failures(Record):
    """Confirmed failures, asked once with each template: those that fail with both (`still`), with
    the old one alone (`gone`), and with the new one alone (`back`)."""

    asked: int
    still: int
    gone: int
    back: int


class CheckedPrompt(Record):
    """What was found of a prompt. `version`: the logged one that is checked as it is; `given`: its
    calls are cases of the repository, which may be shown; `added`: the input tokens and US dollars
    that the change adds per 1,000 calls."""

    name: str
    version: str | None = None
    file: str | None = None
    comparison: Comparison | None = None
    limits: tuple[CheckedLimit, ...] = ()
    failures: Failures | None = None
    given: bool = False
    added: tuple[float, float | None] | None = None
    notes: tuple[str, ...] = ()

    @property
    def answers(self) -> AnswerComparison | None:
        """How far its answers moved; None if they were not compared."""
        changes = () if self.comparison is None else self.comparison.changes[-1:]
        return next((one.answers for one in changes), None)

    @property
    def changes_answers(self) -> bool:
        """Whether the answers certainly changed, or a field of theirs."""
        changes = () if self.comparison is None else self.comparison.changes[-1:]
        found = [one for change in changes for one in (change.answers, *change.fields)]
        return any(one is not None and one.significant for one in found)


class Checked(Record):
    """The outcome of a check: prompts, what was not read (`notes`), the files of changed prompts of
    which nothing could be asked (`unchecked`), and what was `asked` of models meanwhile. `base` is
    None if no branch was looked at."""

    base: str | None = None
    commit: str | None = None
    prompts: tuple[CheckedPrompt, ...] = ()
    notes: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    asked: Spent = Spent()

    @property
    def broken(self) -> list[tuple[str, CheckedLimit]]:
        """The broken limits, with their prompt's name."""
        every = [(prompt.name, limit) for prompt in self.prompts for limit in prompt.limits]
        return [(name, limit) for name, limit in every if limit.verdict == "broken"]
