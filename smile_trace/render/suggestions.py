"""Suggestions in a terminal: what each gained and lost, and what is not proposed."""

from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from smile_trace._text.lists import per_cent
from smile_trace.records.report import Share
from smile_trace.records.suggestion import Suggestion, Suggestions, Trial, Untested
from smile_trace.render.comparison.layout import ANOTHER, moved_answers
from smile_trace.render.text import short, visible

_LONGEST_LINE, _LONGEST_QUOTE = 2000, 160
_AROUND = 4
"""Words that are quoted on either side of a difference."""


def print_suggestions(found: Suggestions, console: Console | None = None) -> None:
    """Print each suggestion with its gains and losses, and what is not proposed and why."""
    console = console or Console()
    nothing = f"Nothing is proposed for {found.prompt} {found.version}."  # the reasons follow
    told = found.summary if found.suggestions else nothing
    console.print(Text(short(told, _LONGEST_LINE), style="bold"))
    for number, suggestion in enumerate(found.suggestions, start=1):
        console.print(Text(f"\n{number}. {short(suggestion.what, _LONGEST_LINE)}", style="bold"))
        for line in _lines(suggestion, found.smallest_effect):
            console.print(Padding(Text(line), (0, 3)))
    if found.not_proposed:
        console.print(Text("\nNot proposed", style="dim"))
        for one in found.not_proposed:
            why = Text(short(f"{one.what}: {one.why}", _LONGEST_LINE), style="dim")
            console.print(Padding(why, (0, 3)))
    if found.not_tested:
        console.print(Text("\nNot tested by these calls", style="bold"))
        for line in (*map(_untested, found.not_tested), NOT_TESTED):
            console.print(Padding(Text(line), (0, 3)))
    console.print(Text(f"\n{_suggestion_facts(found)}", style="dim"))


NOT_TESTED = (
    "They apply only in certain cases, which these calls may not include: that the answers "
    "stay the same without them does not show that they can go. Keep them, or confirm a "
    "failure that tests each (smile-trace review)."
)


def _untested(one: Untested) -> str:
    return f"“{short(visible(one.text), _LONGEST_LINE)}” ({one.acts_in})"


def _lines(suggestion: Suggestion, limit: float) -> list[str]:
    lines = [*_tried(suggestion.trial, limit), *_saved(suggestion)]
    if suggestion.kind == "no_effect":
        rare = 100 * suggestion.trial.moved.high
        lines.append(
            "a rule for rare cases would go unnoticed here: "
            f"up to {rare:.0f} % of calls may need it"
        )
    lines += [f"- {short(visible(text), _LONGEST_LINE)}" for text in suggestion.removed]
    if suggestion.added:
        lines.append(f"+ {short(visible(suggestion.added), _LONGEST_LINE)}")
    return lines


def _tried(trial: Trial, limit: float) -> list[str]:
    answers = trial.answers
    much = f"{100 * limit:g} % of the answer or more"
    moved = f"{trial.moved.count} of {trial.moved.of} lost {much}, beyond noise"
    said = moved_answers(answers) if answers.repeats else f"{moved} ({_interval(trial.moved)})"
    lines = [
        f"held-out calls: {said}; mean change {answers.distance:.2f} "
        f"({answers.ci_low:.2f} to {answers.ci_high:.2f})"
    ]
    if trial.example is not None:
        before, after = _around(trial.example.before, trial.example.after)
        lines.append(f"for example “{before}” became “{after}”")
    gained, lost = trial.cases_gained, trial.cases_lost
    if gained.of or lost.of:
        lines.append(
            f"confirmed failures: {gained.count} of {gained.of} corrected ({_interval(gained)}), "
            f"{lost.count} of {lost.of} right ones lost ({_interval(lost)})"
        )
    if (probed := trial.probed) is not None:
        lines.append(
            f"{probed.probe}: {probed.before.count} of {probed.before.of} before "
            f"({_interval(probed.before)}), {probed.after.count} after ({_interval(probed.after)})"
        )
    return lines


def _around(before: str, after: str) -> Iterator[str]:
    """Both texts from a few words before the first difference to the end of the last one."""
    texts = before.split(), after.split()
    same = [one == other for one, other in zip(*texts, strict=False)]
    back = [one == other for one, other in zip(*(reversed(t) for t in texts), strict=False)]
    before_it = [*same, False].index(False)
    behind_it = min([*back, False].index(False), len(same) - before_it)
    begin, end = max(before_it - _AROUND, 0), max(behind_it - _AROUND, 0)
    for words in texts:
        shown = " ".join(words[begin : len(words) - end])
        yield short(visible(f"{'… ' if begin else ''}{shown}{' …' if end else ''}"), _LONGEST_QUOTE)


def _saved(suggestion: Suggestion) -> list[str]:
    if suggestion.tokens_saved is None:
        known = suggestion.kind != "document"  # it is not part of every call
        return ["tokens saved: not known, the model reports none"] if known else []
    tokens, verb = (
        abs(suggestion.tokens_saved),
        "saves" if suggestion.tokens_saved >= 0 else "costs",
    )
    by = "its tokenizer" if suggestion.tokens_by == "tokenizer" else "the usage it reports"
    lines = [f"{verb} {tokens:,.1f} tokens per call, by {by}"]
    if suggestion.usd_saved is not None:
        lines.append(f"{verb} ${abs(suggestion.usd_saved):,.4f} per thousand calls")
    return lines


def _interval(share: Share) -> str:
    return per_cent(share.low, share.high)


def _suggestion_facts(found: Suggestions) -> str:
    return (
        f"{found.model} · made from {found.searched} calls and {found.cases_searched} confirmed "
        f"failures · tried on {found.held_out} and {found.cases_held_out} others · "
        f"{found.calls:,} calls asked · 90 % intervals · {ANOTHER}"
    )
