"""Suggestions in the terminal. Every text is made visible."""

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from smile_trace.records.report import Share
from smile_trace.records.suggestion import NotProposed, Suggestion, Suggestions, Trial
from smile_trace.render.text import short, visible

_LONGEST = 2000


def print_suggestions(found: Suggestions, console: Console | None = None) -> None:
    """Print each suggestion with what it gained and lost, and what is not proposed and why."""
    console = console or Console()
    console.print(Text(short(found.summary, _LONGEST), style="bold"))
    for number, suggestion in enumerate(found.suggestions, start=1):
        console.print(Text(f"\n{number}. {short(suggestion.what, _LONGEST)}", style="bold"))
        for line in _lines(suggestion):
            console.print(Padding(Text(line), (0, 3)))
    if found.not_proposed:
        console.print(Text("\nNot proposed", style="dim"))
        for one in found.not_proposed:
            console.print(Padding(Text(short(_said(one), _LONGEST), style="dim"), (0, 3)))
    console.print(Text(f"\n{_facts(found)}", style="dim"))


def _lines(suggestion: Suggestion) -> list[str]:
    lines = [*_tried(suggestion.trial), *_saved(suggestion)]
    if suggestion.kind == "no_effect":
        rare = 100 * suggestion.trial.moved.high
        lines.append(f"a rule for rare cases shows only there: up to {rare:.0f} % of calls may be")
    lines += [f"- {short(visible(text), _LONGEST)}" for text in suggestion.removed]
    if suggestion.added:
        lines.append(f"+ {short(visible(suggestion.added), _LONGEST)}")
    return lines


def _tried(trial: Trial) -> list[str]:
    answers = trial.answers
    lines = [
        f"held-out calls: {trial.moved.count} of {trial.moved.of} got another answer "
        f"({_interval(trial.moved)}); mean change {answers.distance:.2f} "
        f"({answers.ci_low:.2f} to {answers.ci_high:.2f})"
    ]
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
    return f"{100 * share.low:.0f} to {100 * share.high:.0f} %"


def _said(one: NotProposed) -> str:
    return f"{one.what}: {one.why}"


def _facts(found: Suggestions) -> str:
    return (
        f"{found.model} · made from {found.searched} calls and {found.cases_searched} confirmed "
        f"failures · tried on {found.held_out} and {found.cases_held_out} others · "
        f"{found.calls:,} calls asked · 90 % intervals"
    )
