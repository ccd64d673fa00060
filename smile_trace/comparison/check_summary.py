"""The outcome of a check as Markdown: a pull request's comment."""

from collections.abc import Iterator

from smile_trace._text.json_fields import fields
from smile_trace._text.lists import listed_few, per_cent
from smile_trace.comparison.checked import Checked, CheckedPrompt
from smile_trace.comparison.sentences import too_few
from smile_trace.probes.gate import CheckedLimit
from smile_trace.records.comparison import Comparison, VersionChange
from smile_trace.render.comment import fitting, told
from smile_trace.render.comparison import layout
from smile_trace.render.text import signed
from smile_trace.store.spending.accounts import Spent

NOTHING = "No prompt is changed."
"""The first line where there is nothing to say."""
MOST_EDITS, MOST_EXAMPLES, MOST_NOTES, LONGEST_ANSWER = 10, 3, 20, 300
_MARKS = {
    "broken": "❌ **broken**",
    "open": "❔ open",
    "within": "✅ within",
    "not_beyond": "✅ not beyond controls",
}


def to_markdown(checked: Checked) -> str:
    """Return the summary: a headline, each prompt, and what was not read. No text of others in it
    is markup, and it fits into a comment of GitHub."""
    broken = {name for name, _ in checked.broken}
    prompts = sorted(
        checked.prompts, key=lambda one: (one.name not in broken, not one.changes_answers)
    )
    notes = [f"- {told(note)}" for note in checked.notes[:MOST_NOTES]]
    if more := checked.notes[MOST_NOTES:]:
        notes.append(f"- and {len(more)} more")
    parts = [_headline(checked), *map(_prompt, prompts), "\n".join(notes), _foot(checked)]
    return fitting([part for part in parts if part], "and {} more")


def _headline(checked: Checked) -> str:
    unchecked = len(checked.unchecked)
    missed = f"{unchecked} changed prompt{'s were' if unchecked > 1 else ' was'} not checked"
    if not checked.prompts:
        none = "### Prompts: none was compared" if checked.notes else NOTHING
        return f"{none}\n\n{missed}, see below." if unchecked else none
    changed = [one for one in checked.prompts if one.changes_answers]
    few = _names([one for one in changed if _too_few(one)])
    count, limits = len(checked.prompts), sum(len(one.limits) for one in checked.prompts)
    left = sum(one.answers is None for one in checked.prompts)
    said = "not compared" if left == count else "no certain change in the answers"
    if changed:
        said = f"{_names(changed)} give{'s' * (len(changed) == 1)} other answers"
    numbers = [f"{count} prompt{'s' * (count > 1)} checked"]
    numbers += [f"{left} not compared"] if 0 < left < count else []
    numbers += [f"{len(checked.broken)} of {limits} limits broken" if limits else "no limit set"]
    numbers += [
        f"{told(limit.fields)} (**{told(name, 80)}**)"
        for name, limit in checked.broken[:MOST_EXAMPLES]
        if limit.fields
    ]
    numbers += [f"too few inputs to say how much the answers of {few} change"] if few else []
    numbers += [f"**{missed}**"] if unchecked else []
    if notes := len(checked.notes):
        numbers += [f"{notes} note{'s' * (notes > 1)} below"]
    return f"### Prompts: {said}\n\n{', '.join(numbers)}."


def _names(prompts: list[CheckedPrompt]) -> str:
    return listed_few([f"**{told(one.name, 80)}**" for one in prompts], 5)


def _too_few(one: CheckedPrompt) -> bool:
    found, compared = one.answers, one.comparison
    return bool(found and compared and too_few(found, compared.settings.smallest_effect))


def _prompt(one: CheckedPrompt) -> str:
    beside = f" ({told(one.file, 120)})" if one.file else ""
    if one.version is not None:
        beside = f" {told(one.version, 80)}"
    parts = [f"#### {told(one.name, 80)}{beside}"]
    if one.comparison is not None and one.comparison.changes:
        change = one.comparison.changes[-1]
        parts.append(told(change.summary, 2000))
        parts += filter(None, (_edits(one.comparison, change), _probes(change)))
        parts += [_examples(change)] if one.given and change.examples else []
    parts += ["\n".join(map(_limit, one.limits))] if one.limits else []
    parts += map(told, _facts(one))
    return "\n\n".join(parts)


def _table(head: list[str], rows: list[list[str]]) -> str:
    """A table; nothing without rows."""
    lines = [head, ["-"] * len(head), *rows]
    return "\n".join(f"|{'|'.join(cells)}|" for cells in lines) if rows else ""


def _edits(comparison: Comparison, change: VersionChange) -> str:
    limit = comparison.settings.smallest_effect
    changed = change.answers is not None and change.answers.changed
    rows = []
    for effect in layout.effects_of(change)[:MOST_EDITS] if changed else ():
        edits = [told(layout.edit_phrase(change.edits[k]), 300) for k in effect.edits[:MOST_EDITS]]
        label, _ = layout.edit_verdict(change, effect.edits[0], limit)
        ends = per_cent(effect.ci_low, effect.ci_high)
        if label == layout.CHANGED and too_few(effect, limit):
            label = f"{label}, too few inputs to say how much"
        moved = f"{100 * effect.distance:.0f} %"
        rows.append(["; ".join(edits), label, layout.moved_count(effect), moved, ends])
    head = ["edit", "found", "another answer", "of an answer changed", "90 % interval"]
    return _table(head, rows)


def _probes(change: VersionChange) -> str:
    rows = [
        [
            told(one.title),
            f"{100 * one.before.value:.0f} → {100 * one.after.value:.0f} %",
            f"{signed(one.change.ci_low)} … {signed(one.change.ci_high)}",
            "certain" if one.significant else "",
        ]
        for one in change.probes
    ]
    return _table(["probe", "answers changed", "interval of the difference", ""], rows)


def _examples(change: VersionChange) -> str:
    shown = change.examples[:MOST_EXAMPLES]
    titles = layout.example_titles(change)
    rows = [
        [told(titles[k], 200), _marked(one.before, one.after), _marked(one.after, one.before)]
        for k, one in enumerate(shown)
    ]
    return _table(["case", "answer before", "answer now"], rows)


def _marked(answer: str, other: str) -> str:
    """An answer, truncated around the first field that another one has not, with all of these
    marked."""
    mine, theirs = fields(answer), fields(other)
    places = [
        place
        for path, place in mine.items()
        if path not in theirs or answer[slice(*place)] != other[slice(*theirs[path])]
    ]
    if not places or not theirs:
        return told(answer, LONGEST_ANSWER)
    begin = max(places[0][0] - LONGEST_ANSWER // 2, 0)
    shown, at, end = ["…"] * bool(begin), begin, begin + LONGEST_ANSWER
    for start, stop in places:
        if start < end:
            kept, value = answer[at:start], told(answer[start : min(stop, end)])
            shown += [told(kept), " " * kept[-1:].isspace(), f"**{value}**" if value else ""]
            at = stop
    return "".join([*shown, told(answer[at:end]), "…" * (max(at, end) < len(answer))])


def _limit(limit: CheckedLimit) -> str:
    rate, beyond = limit.rate, limit.beyond
    measured = told(limit.reason)
    if rate is not None:
        ends = per_cent(rate.ci_low, rate.ci_high)
        measured = f"{100 * rate.value:.0f} % [{ends}] over {limit.calls:,} calls"
    if beyond is not None:
        measured += f", {100 * beyond.value:+.0f} % beyond its controls"
    if limit.fields:
        measured += f"; {told(limit.fields)}"
    most = f"at most {100 * limit.limit:.0f} %"
    return f"- {_MARKS[limit.verdict]}: {told(limit.title, 120)}, {most}: {measured}"


def _facts(one: CheckedPrompt) -> Iterator[str]:
    if one.failures is not None and one.failures.asked:
        known = one.failures
        yield (
            f"Of {known.asked} confirmed failures, sent again once each, {known.gone} are gone, "
            f"{known.back} came back and {known.still} still fail."
        )
    if one.added is not None:
        tokens, usd = one.added
        price = "" if usd is None else f" ({'−' * (usd < 0)}${abs(usd):.4f})"
        yield f"Cost: {tokens:+,.0f} input tokens{price} per 1,000 calls."
    yield from one.notes


def _foot(checked: Checked) -> str:
    base = ""
    if checked.base is not None:
        base = f"Compared with {told(checked.base, 80)} at {told((checked.commit or '')[:6])}. "
    return f"{base}{_asked(checked.asked)}"


def _asked(spent: Spent) -> str:
    calls = f"{spent.calls:,} call{'' if spent.calls == 1 else 's'}"
    usd = f"for ${spent.usd:,.4f}" if spent.usd else "for $0"
    if spent.unpriced_calls:
        usd = "at an unknown price"
    return f"{calls} {usd}." if spent.calls else "No model was called."
