"""The model of every picture of a comparison (panels, rows and intervals; all text is `visible`),
and a version's metrics under common names, for trackers that compare runs."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, NamedTuple

from smile_trace._text.apart import clipped, last_line, parting
from smile_trace._text.lists import listed
from smile_trace.records.comparison import (
    ANOTHER_ANSWER,
    ChangeKind,
    Comparison,
    Edit,
    EditEffect,
    Influence,
    Moved,
    SegmentChange,
    TemplateSegment,
    VersionChange,
    VersionReport,
)
from smile_trace.records.verdicts import NO_DIFFERENCE, in_sentence
from smile_trace.render.pieces import strength
from smile_trace.render.text import short, signed, visible

Kind = Literal["supports", "opposes", "excluded", "open", "changed", "unmeasured", "between"]

MEASURE_WORDS = {
    "answer_characters": "characters per answer",
    "latency_seconds": "seconds per answer",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "usd": "US dollars per call",
    "refusal_rate": "share of refusals",
    "feedback": "user feedback",
}

LONGEST_NAME, LONGEST_LABEL, LONGEST_PHRASE, LONGEST_VALUE = 120, 40, 60, 90
MOST = 2000
"""Characters of an input that are looked at."""
ANY_CALL = 0.995
"""From this share on, the calls that may need a part are all of them, which says nothing."""
MIN_SHARE = 0.1
"""Edits with a smaller share of the change are folded."""


@dataclass(frozen=True)
class Piece:
    """A run of a template's text, all of one segment and one edit, or of none. `change` says how
    its phrase differs from the other version; `badge` stands before a phrase's first piece.
    `named`: that edit changed the answers. `passage` is the part of several lines that it is in,
    which is outlined once."""

    text: str
    kind: Kind
    change: ChangeKind = "same"
    badge: str = ""
    named: bool = False
    value: str = ""
    strength: float = 0.0
    hint: str = ""
    passage: "Passage | None" = None


@dataclass(frozen=True)
class Passage:
    """A part of several lines, none of which was told apart."""

    kind: Kind
    value: str
    hint: str


class _Phrase(NamedTuple):
    """The characters of an edit, its kind, whether it is named, and what it did to the answers:
    None if it was not tried."""

    start: int
    end: int
    kind: ChangeKind
    named: bool
    effect: Piece | None


@dataclass(frozen=True)
class Panel:
    """One version's coloured template."""

    version: VersionReport
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Interval:
    """An estimate and its interval, in per cent of the scale's width."""

    low: float
    high: float
    at: float
    zero: float


def name_of(comparison: Comparison) -> str:
    """Return the prompt's name on one line, truncated."""
    return short(comparison.prompt, LONGEST_NAME)


def label_of(version: VersionReport) -> str:
    """Return a version's label on one line, truncated."""
    return short(version.label, LONGEST_LABEL)


def panels(comparison: Comparison) -> tuple[Panel, ...]:
    """Return every version's template, with marks on the phrases that differ from the version
    before (for the first version, from the one after). Where nothing is settled of any part,
    nothing is told apart by hatching all of them: no part is marked."""
    found = []
    parts = [item for version in comparison.versions for item in version.segments]
    settled = any(map(is_settled, parts))
    for place, version in enumerate(comparison.versions):
        into = next((c for c in comparison.changes if c.after == place), None)
        away = next((c for c in comparison.changes if c.before == place), None)
        change = into or away
        limit = comparison.settings.smallest_effect
        found_in = [] if change is None else _phrases(change, limit, new=into is not None)
        phrases = sorted(found_in, key=lambda phrase: phrase[:2])
        found.append(Panel(version, tuple(_pieces(version, phrases, marked=settled))))
    return tuple(found)


def kinds_of(shown: Sequence[Panel]) -> set[Kind]:
    """Return the looks of the panels' parts, for the legend; none if no part is marked."""
    pieces = [piece for panel in shown for piece in panel.pieces]
    kinds = {piece.kind for piece in pieces}
    return (kinds | {piece.passage.kind for piece in pieces if piece.passage}) - {"between"}


def _phrases(change: VersionChange, limit: float, *, new: bool) -> Iterator[_Phrase]:
    named = {place for effect in change.effects if effect.named for place in effect.edits}
    for place, edit in enumerate(change.edits):
        for hunk in edit.hunks:
            start, end = (hunk.new_start, hunk.new_end) if new else (hunk.start, hunk.end)
            if end > start and (edit.before or edit.after):
                yield _Phrase(start, end, edit.kind, place in named, _did(change, place, limit))


def _did(change: VersionChange, place: int, limit: float) -> Piece | None:
    """The look of an edit by what it did to the answers; None if it was not tried."""
    effect = next((one for one in change.effects if place in one.edits), change.answers)
    label, hint = edit_verdict(change, place, limit)
    if effect is None or hint.startswith(NOT_TRIED):
        return None
    if label in (CHANGED, CHANGED_FEW):
        return Piece("", "changed", strength=strength(effect.distance), hint=hint)
    little = label != NO_DIFFERENCE and effect.ci_high >= limit
    return Piece("", "open" if little else "excluded", hint=hint)


def _pieces(version: VersionReport, phrases: Sequence[_Phrase], *, marked: bool) -> Iterator[Piece]:
    text, segments = version.template, [item.segment for item in version.segments]
    ends = {0, len(text), *(e for s in segments for e in (s.start, s.end))}
    cuts = sorted(ends | {e for phrase in phrases for e in (phrase.start, phrase.end)})
    for start, end in pairwise(cuts):
        inside = next((i for i in version.segments if _holds(i.segment, start)), None)
        phrase = next((p for p in phrases if p.start <= start < p.end), None)
        edge = phrase is not None and (start == phrase.start or end == phrase.end)
        if phrase is None or (edge and not text[start:end].strip()):
            piece, phrase = Piece(visible(text[start:end]), "between"), None
        else:
            badge = phrase.kind if phrase.start == start else ""
            piece = Piece(visible(text[start:end]), "between", phrase.kind, badge, phrase.named)
        yield _coloured(piece, inside, phrase, start, marked=marked)


def _coloured(
    piece: Piece, influence: Influence | None, phrase: _Phrase | None, start: int, *, marked: bool
) -> Piece:
    """Colour a piece: an edit by what it did, or by the part that it is, never by one that it is
    only in; other text by its part, whose value stands above its first piece."""
    passage = None
    if influence is not None and marked and passage_of(influence.segment):
        passage = _passage(influence)
        if passage is not None:
            piece = replace(piece, passage=passage)
    effect = phrase.effect if phrase is not None else None
    if phrase is not None and not _is_part(influence, phrase):
        influence = None
    settled = effect is not None and effect.kind != "open"
    replayed = influence is not None and influence.source == "replayed"
    if effect is not None and ((settled and not replayed) or (influence is None and marked)):
        return replace(piece, kind=effect.kind, strength=effect.strength, hint=effect.hint)
    if influence is None or not marked or passage is not None:
        return piece
    kind = kind_of(influence)
    coloured = kind in ("supports", "opposes")
    first = coloured and start == influence.segment.start
    return replace(
        piece,
        kind=kind,
        value=signed(influence.influence) if first else "",
        strength=strength(influence.influence) if coloured else 0.0,
        hint=describe(influence),
    )


def _passage(influence: Influence) -> Passage | None:
    """The outline of a part of several lines; None if it says nothing of them."""
    kind = kind_of(influence)
    if kind not in ("supports", "opposes", "open"):
        return None
    told = f"{signed(influence.influence)} {passage_of(influence.segment)}"
    hint = f"{passage_of(influence.segment)}: {describe(influence)}"
    return Passage(kind, told if kind != "open" else "", hint)


def _is_part(influence: Influence | None, phrase: _Phrase) -> bool:
    """Whether an edit holds the part that it is in."""
    if influence is None:
        return False
    return phrase.start <= influence.segment.start and influence.segment.end <= phrase.end


def _holds(segment: TemplateSegment, place: int) -> bool:
    return segment.start <= place < segment.end


_ITEM = re.compile(r"^[ \t]*(?:[-*•]|\(?\d{1,3}[.)])[ \t]", re.MULTILINE)


def passage_of(segment: TemplateSegment) -> str:
    """Return "as a whole: 12 rules" of a part of several lines; empty of any other."""
    lines = sum(bool(line.strip()) for line in segment.text.splitlines())
    items = len(_ITEM.findall(segment.text))
    if lines < 2:
        return ""
    return f"as a whole: {f'{items} rules' if items > 1 else f'{lines} lines'}"


def part_text(segment: TemplateSegment) -> str:
    """Return a part's text; of several lines, that it stands for them all."""
    whole = passage_of(segment)
    return f"[{whole}] {visible(segment.text)}" if whole else visible(segment.text)


def to_tell_more(prompt: str, version: VersionReport) -> str:
    """Return what to set where parts were not told apart, or not measured; empty if all were."""
    whole = [passage_of(i.segment).partition(": ")[2] for i in version.segments]
    few = listed([told for told in whole if told])
    held = in_some_calls([item for item in version.segments if item.verdict == "open"])
    if not version.sampled_of or (version.measured and not (few or held)):
        return ""
    named = (
        f"{few} are shown as a whole, since too few calls removed each by itself: " if few else ""
    )
    apart = f"protect = {json.dumps(list(version.beside))}" if version.beside else "a larger budget"
    return f'{named}[explain."prompt:{prompt}"] with unit = "sentence" and {apart} tells more'


def kind_of(influence: Influence) -> Kind:
    """Return the look of a segment."""
    if influence.standard_error is None:
        return "unmeasured"
    return "opposes" if influence.verdict == "against" else influence.verdict


def is_settled(influence: Influence) -> bool:
    """Return whether it was measured, and well enough to tell."""
    return kind_of(influence) not in ("open", "unmeasured")


def describe(influence: Influence) -> str:
    """Return a segment's influence in one line."""
    if influence.standard_error is None:
        return "not measured: too few calls removed it"
    interval = f"[{signed(influence.ci_low)}, {signed(influence.ci_high)}]"
    return f"{signed(influence.influence)} {interval}: {_in_words(influence)}"


def _in_words(influence: Influence) -> str:
    """Return the verdict in words. An interval on one side of zero tells more than `open`, without
    being certain: of few calls, or of many tests, some lie there by chance."""
    if influence.verdict == "open" and (held := influence.calls_held):
        most = f"up to {100 * influence.at_most:.0f} % of the answer"
        return f"matters in {held:,} call{'s' * (held > 1)}: {most}"
    if influence.verdict == "open" and influence.standard_error is not None:
        if influence.ci_low > 0:
            return "seems to support, not certain"
        if influence.ci_high < 0:
            return "seems to work against, not certain"
    return in_sentence(influence.verdict, influence.at_most)


def verdict_of(influence: Influence, version: VersionReport) -> str:
    """Return the verdict in words, with what it leaves open."""
    words = [_in_words(influence)]
    if influence.calls is not None and influence.calls < version.explained:
        words.append(f"over {influence.calls:,} calls")
    if influence.source == "replayed":
        words.append("by the replay of the edit")
    if influence.calls_needed:
        words.append(f"{influence.calls_needed:,} calls would tell")
    if influence.verdict == "excluded" and influence.may_need < ANY_CALL:
        words.append(may_need(influence))
    if influence.untested:
        words.append(NOT_TESTED)
    if influence.tokens_saved is not None:
        usd = "" if influence.usd_saved is None else f", ${influence.usd_saved:.4f}"
        words.append(f"saves {influence.tokens_saved:,.0f} tokens{usd} per 1,000 calls")
    return "; ".join(words)


NOT_TESTED = "not tested by these calls: applies only in certain cases"


def may_need(influence: Influence, part: str = "it") -> str:
    """Return how many calls need an excluded part all the same, which lose what matters without
    it, and how many may."""
    bound, need = f"at most {100 * influence.may_need:.1f} %", influence.calls_need
    if need:
        are = "needs" if need == 1 else "need"
        return f"{need} of {round(influence.calls_tried)} calls {are} {part}, {bound} of all"
    return f"{bound} of calls may need {part}"


def open_parts(version: VersionReport) -> str:
    """Return how many measured parts are open, and what would settle them; empty if none."""
    found = [i for i in version.segments if i.verdict == "open" and i.standard_error is not None]
    if not found:
        return ""
    more = "more " * (len(found) < len(version.segments))
    parts = f"{len(found)} {more}part{'' if len(found) == 1 else 's'}"
    needed = max(item.calls_needed or 0 for item in found)
    held = in_some_calls(found)
    told = f"; {needed:,} calls would tell{' of the others' * bool(held)}" if needed else ""
    most = max(item.at_most for item in found)
    return f"{parts}: open, up to {100 * most:.0f} % of an answer{held}{told}"


def in_some_calls(items: Sequence[Influence]) -> str:
    """Return how many of the parts matter in some calls; empty if none does."""
    count = sum(item.calls_held > 0 for item in items)
    few = f"{count} of them matter{'s' * (count == 1)}" if len(items) > 1 else "it matters"
    return f"; {few} in some calls" if count else ""


def not_measured(comparison: Comparison) -> list[str]:
    """Return why no part of a version was measured, and what to set, each once."""
    without = [version for version in comparison.versions if not version.measured]
    reasons = [f"Not used: {why}" for version in without for why in version.dropped]
    reasons += filter(None, map(unmeasured, without))
    reasons += filter(None, (to_tell_more(comparison.prompt, one) for one in without))
    return list(dict.fromkeys(reasons))


def unmeasured(version: VersionReport) -> str:
    """Return how many parts were removed from too few calls; empty if none, or if `dropped` says
    why none was measured."""
    count = sum(item.standard_error is None for item in version.segments)
    if version.dropped and count == len(version.segments):
        return ""
    if count == 1:
        return "1 part was not measured: too few calls removed it"
    return f"{count} parts were not measured: too few calls removed them" if count else ""


def scale(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of a scale that holds these values and zero, with a margin."""
    low, high = min([0.0, *values]), max([0.0, *values])
    margin = max(high - low, 0.05) * 0.06
    return low - margin, high + margin


def place(low: float, high: float, at: float, ends: tuple[float, float]) -> Interval:
    """Return an interval on a scale with these ends."""
    width = ends[1] - ends[0]

    def percent(value: float) -> float:
        return round(100 * min(max((value - ends[0]) / width, 0.0), 1.0), 2)

    return Interval(percent(low), percent(high), percent(at), percent(0.0))


def ranked(version: VersionReport) -> list[Influence]:
    """Return the segments by influence, descending; unmeasured ones come last."""
    return sorted(version.segments, key=lambda i: (i.standard_error is None, -i.influence))


def changed_most(change: VersionChange) -> list[SegmentChange]:
    """Return the segments of both versions by the size of their change, significant ones first."""
    known = [item for item in change.segments if item.change is not None]
    return sorted(known, key=lambda item: (not item.significant, -abs(item.change or 0.0)))


def text_of(comparison: Comparison, change: VersionChange, item: SegmentChange) -> str:
    """Return a segment's text, in the new version if it is there."""
    after, before = comparison.versions[change.after], comparison.versions[change.before]
    if item.after is not None:
        return part_text(after.segments[item.after].segment)
    assert item.before is not None
    return part_text(before.segments[item.before].segment)


def example_titles(change: VersionChange) -> list[str]:
    """Return a line for each example: what its inputs hold, where it differs from the others'."""
    names = dict.fromkeys(name for one in change.examples for name in one.variables)
    shown: dict[str, list[str]] = {}
    for name in names:
        texts = [short(last_line(one.variables.get(name, "")), MOST) for one in change.examples]
        starts = parting(texts)
        shown[name] = [clipped(t, at, LONGEST_VALUE) for t, at in zip(texts, starts, strict=True)]
    return [
        " · ".join(f"{visible(name)}: {shown[name][k]}" for name in one.variables)
        for k, one in enumerate(change.examples)
    ]


def edit_text(edit: Edit) -> str:
    """Return an edit as the lines of a diff: − old, + new."""
    sides = (("−", edit.before), ("+", edit.after))
    lines = [f"{sign} {visible(text.strip())}" for sign, text in sides if text.strip()]
    if edit.kind == "moved":
        return f"{lines[-1][2:]} (moved)"
    return "\n".join(lines) or "white space"


def edit_phrase(edit: Edit) -> str:
    """Return an edit in a sentence: `“brief” → “at length”`, `“Be brief.” (added)`."""
    if not edit.before.strip() and not edit.after.strip():
        return "white space"
    if edit.kind == "edited":
        return f"{quoted(edit.before)} → {quoted(edit.after)}"
    return f"{quoted(edit.after if edit.after.strip() else edit.before)} ({edit.kind})"


def quoted(text: str) -> str:
    """Return the text on one line in quotation marks, truncated to LONGEST_PHRASE characters."""
    line = " ".join(text.split())
    return f"“{line if len(line) <= LONGEST_PHRASE else line[: LONGEST_PHRASE - 1] + '…'}”"


def effects_of(change: VersionChange) -> list[EditEffect]:
    """Return the edits' effects, the strongest first."""
    return sorted(change.effects, key=lambda effect: (not effect.named, -effect.share))


def ruled_out(change: VersionChange, effect: EditEffect) -> bool:
    """Whether a group of edits did little beside another one: it is folded."""
    return effect.share < MIN_SHARE and not effect.named


CHANGED, CHANGED_FEW = "changed the answers", "changed few answers"
NOT_TRIED = "not tried"

ANOTHER = (
    f"another answer: more than {100 * ANOTHER_ANSWER:.0f} % of its content, words or length "
    "changed; form is not compared"
)


def inputs(count: int) -> str:
    """Return a number of inputs in words."""
    return f"{count:,} input{'' if count == 1 else 's'}"


def moved_answers(found: Moved) -> str:
    """Return how many inputs got another answer, or else in how many it changed a little."""
    if found.changed:
        same = f", {found.reworded} of them perhaps only in other words" * bool(found.reworded)
        return f"{found.changed} of {inputs(found.inputs)} got another answer{same}"
    if not found.changed_little:
        return f"the answers on {inputs(found.inputs)} are the same"
    most = math.ceil(100 * found.little)
    return (
        f"{found.changed_little} of {found.inputs} answers changed a little (by at most {most} %; "
        "form is not compared), none became another answer"
    )


def moved_most(change: VersionChange) -> str:
    """Return on which inputs the edits were told apart; empty if on all that were compared."""
    tried = max((effect.inputs for effect in change.effects), default=0)
    few = change.answers is not None and 0 < tried < change.answers.inputs
    return f" on the {inputs(tried)} that changed most" if few else ""


def moved_count(found: Moved) -> str:
    """Return how many inputs got another answer, as a cell of a table."""
    only_little = found.changed_little and not found.changed
    more = f" ({found.changed_little} a little)" if only_little else ""
    return f"{found.changed} of {found.inputs}{more}"


def edit_verdict(change: VersionChange, place: int, limit: float) -> tuple[str, str]:
    """Return what an edit did to the answers, in a few words and in a sentence. That it made no
    difference is said only where an effect of `limit` is excluded."""
    effect = next((one for one in change.effects if place in one.edits), None)
    group = range(len(change.edits)) if effect is None else effect.edits
    found = effect or change.answers
    certain = found.named if isinstance(found, EditEffect) else bool(found and found.significant)
    if found is None or (effect is None and certain and len(group) > 1):
        return "open", f"{NOT_TRIED}: {change.why_no_edits or change.why_no_answers or 'no budget'}"
    told = moved_answers(found)
    moved = f"{told}, {100 * found.distance:.0f} % of an answer changed"
    with_others = f", measured together with {len(group) - 1} more" if len(group) > 1 else ""
    if certain:
        return CHANGED, f"{CHANGED}: {moved}"
    if change.repeats and found.changed_little and not found.changed:
        return "changed the answers a little", f"{told}{with_others}"
    if found.ci_high < limit:
        label = CHANGED_FEW if change.repeats and found.changed else NO_DIFFERENCE
        return label, f"{label}: {told}{with_others}"
    if found.ci_low > 0:
        return "one of several", f"one of several that changed the answers: {moved}{with_others}"
    return "open", f"{in_sentence('open', found.ci_high)}{with_others}"


CHARTED = ("latency_seconds", "output_tokens", "usd", "refusal_rate", "feedback")
"""The traffic figures that a person charts over versions; a table has the others."""
_UNSAFE = re.compile(r"[^A-Za-z0-9 _.\-]+")


def figures(comparison: Comparison, place: int) -> dict[str, float]:
    """Return the metrics of `comparison.versions[place]` by name, all finite, with four significant
    digits: what changed first, at most ten, and the rate of each profiled probe."""
    version = comparison.versions[place]
    found: dict[str, float] = {}
    for change in comparison.changes:
        if change.after == place and change.answers is not None:
            found["smile.answers_changed"] = change.answers.changed / change.answers.inputs
            found["smile.answer_change_from_previous"] = change.answers.distance
    saved = sum(item.tokens_saved or 0.0 for item in version.segments)
    found |= {
        "smile.supporting_parts": version.count("supports"),
        "smile.excluded_parts": version.count("excluded"),
        "smile.excluded_tokens_per_1000_calls": saved,
    }
    found |= {f"traffic.{m.name}": m.mean for m in version.measures if m.name in CHARTED}
    found |= {f"probes.{safe_name(one.name)}": one.rate.value for one in version.probes}
    return {name: float(f"{value:.4g}") for name, value in found.items() if math.isfinite(value)}


def safe_name(text: str) -> str:
    """Return `text` as a name for every tracker: at most 200 plain characters, maybe none."""
    return _UNSAFE.sub(" ", text).strip()[:200]
