"""The explanation as a sentence, by rule."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from smile_trace._text.json_fields import path_of, written_path
from smile_trace._text.lists import in_words, listed, listed_few, ordinal
from smile_trace._text.titles import LONGEST, both_ends, by_words, title
from smile_trace.attribution.answer_change.response_scores import NEGLIGIBLE
from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.reporting.field_clauses import field_clauses
from smile_trace.attribution.reporting.named_parts import (
    finest_inside,
    named_drivers,
    only_small,
    opponents,
    without_small,
    words,
)
from smile_trace.attribution.reporting.segments import is_within
from smile_trace.attribution.reporting.verdict import what_settles
from smile_trace.records import (
    Fidelity,
    FieldChange,
    FirstPlace,
    Interaction,
    Message,
    Segment,
    SegmentAttribution,
)
from smile_trace.records.formats.answers import read_tool_calls
from smile_trace.records.tool_results import named_by_tool
from smile_trace.records.verdicts import (
    LITTLE,
    NAMED,
    NO_DIFFERENCE,
    NOT_COMPARED,
    SMALLEST_EFFECT,
    around,
    at_most_inside,
    decided,
    drives,
    further,
    needed_keys,
    outermost_drivers,
    telling_drivers,
)

_TITLED = ("document", "section", "example", "variable")
"""Units that are called by their title if they are long."""

_AS_ALONE, _LIKE_ALONE = 0.02, 0.05
"""Where what is lost without a part alone differs by less from its average it is not said to be
one, or by less is not said itself."""

_QUOTE = r"“([^“”]*)”"
_LONG, _SHORT = 28, 20
"""Characters of a quotation that is shortened where it is said again, and then."""

_SURE = ("supports", "against")

_MAX_KINDS = 2
"""Kinds of parts that are counted one by one."""


@dataclass(frozen=True)
class Subject:
    """What is explained, as the subject of a sentence, as that of which a share is lost, and in
    the middle of a sentence."""

    named: str
    of: str
    this: str

    @classmethod
    def of_part(cls, answer: str, part: AnswerSpan | None) -> "Subject":
        """A part of an answer ("part “the red one”", or "field `urgent` (“true”)" for the value of
        a JSON field), or all of it."""
        if part is None:
            return THE_ANSWER
        text, path = both_ends(answer[slice(*part)]), path_of(answer, part)
        name, noun = f"part “{text}”", "part"
        if path is not None and read_tool_calls(answer) is None:
            noun = "field"
            name = f"field `{written_path(path).removeprefix('$.')}` (“{text}”)"
        return cls(f"The {name} of the answer", f"of that {noun}", f"the {name} of this answer")


THE_ANSWER = Subject("The answer", "of the answer", "this answer")


def summarize(
    segments: Sequence[SegmentAttribution],
    fidelity: Fidelity,
    *,
    messages: Sequence[Message] = (),
    coarser: Sequence[SegmentAttribution] = (),
    interactions: Sequence[Interaction] = (),
    without_both: Sequence[tuple[str, str, float]] = (),
    fields: Sequence[FieldChange] = (),
    tools: Sequence[str] = (),
    field_count: int = 0,
    first: FirstPlace | None = None,
    unopened: Collection[str] = (),
    reworded: Collection[str] = (),
    subject: Subject = THE_ANSWER,
    same_texts: bool = False,
    by_content: bool = False,
    limit: float = SMALLEST_EFFECT,
) -> str:
    """One sentence for readers without statistics, for every status.

    Args:
        segments: in the order of the prompt.
        fidelity: how far they may be trusted.
        messages: the prompt, by which results of tools have the names of their tools.
        coarser: the passages that some of them are pieces of.
        interactions: the pairs that work together.
        without_both: pairs (keys) without which more is lost than each costs, and what is lost.
        fields: which fields of the answer change without which segments.
        tools: the names of the tools that the answer calls.
        field_count: how many fields the answer has.
        first: the segments that may have the largest effect.
        unopened: keys of segments that have parts, none of which was removed by itself.
        reworded: keys of segments without which the answer may say the same in other words.
        subject: what is explained.
        same_texts: whether all answers were the same text.
        by_content: whether what an answer adds, its length and its form count for nothing.
        limit: the smallest effect that matters.
    """
    answer, of = subject.named, subject.of
    if fidelity.status == "no_effect":
        return _no_effect(fidelity, answer, same_texts=same_texts, by_content=by_content)
    segments = decided(segments, interactions, fields, limit=limit)
    needed_by, slightly = needed_keys(interactions, fields), ""
    if only_small((*segments, *coarser), needed_by, limit) and not interactions:
        slightly, passages = f" only slightly, by less than {_percent(limit)},", coarser
    else:
        segments = without_small(segments, needed_by, limit)
        passages = without_small(coarser, needed_by, limit)
    tree = _Tree(segments, passages, messages)
    if fidelity.status == "inconclusive":
        said = f"It is not settled what drove {subject.this}: {fidelity.reason}"
        return " ".join([said, *_perhaps_first(tree, first)])
    drivers, against = tree.drivers, opponents(tree.free)
    needed = [s for s in tree.everything if s.fails_without]
    if not drivers and not against and not interactions and not needed:
        nothing = "No single part of the prompt made a difference that stands out from the noise."
        return " ".join([nothing, *_perhaps_first(tree, first)])
    clauses, costs = list[str](), _Costs()
    if drivers:
        clauses.append(f"{answer} depends{slightly} on {_drivers(tree, of, costs)}")
        clauses += _first_of_several(tree, first)
        clauses += _may_say_the_same(tree, [s for s in drivers if s.key in reworded])
    clauses += field_clauses(fields, tree.free, passages, tree.named_together, tools, field_count)
    if against:
        work = f"work{'s' * (len(against) == 1)}{' slightly' * bool(slightly)} against"
        less = [f"{tree.named(s)} ({costs.of(s, of)})" for s in against]
        clauses.append(f"{listed_few(less, NAMED)} {work} {answer[0].lower()}{answer[1:]}")
    if needed:
        fail = "the request fails" if len(needed) == 1 else "requests fail"
        clauses.append(
            f"without {listed_few(list(map(tree.named, needed)), conjunction='or')} {fail}"
        )
    paired = {key for pair in interactions for key in (pair.first, pair.second)}
    clauses += _together(
        tree.named_together([s for s in tree.everything if s.key in paired]), interactions
    )
    for one in sorted(without_both, key=lambda pair: -pair[2])[:1]:
        clauses.append(_without_both(tree, one, of))
        paired.update(one[:2])
    others = [s for s in tree.free if s.key not in paired]
    clauses += _others(others, coarser, of, limit, by_content=by_content)
    clauses += _never_removed([s for s in segments if s.protected])
    if fidelity.status == "partial" and fidelity.further_calls is not None:
        clauses.append(what_settles(fidelity.further_calls, segments))
    if whole := [s for s in tree.free if s.significant and s.key in unopened]:
        whole.sort(key=lambda s: -len(s.text))
        names = [tree.by_itself(s, tree.like(s)) for s in whole]
        was = "was" if len(names) == 1 else "were"
        clauses.append(f"{listed_few(names, 1)} {was} not broken down further (--budget)")
    joined = _named_once("; ".join(clauses), tree.placed) + "."
    return joined[0].upper() + joined[1:]


def _may_say_the_same(tree: "_Tree", drivers: Sequence[SegmentAttribution]) -> Iterator[str]:
    if drivers:
        names = listed_few(list(map(tree.named, drivers)), NAMED, conjunction="or")
        yield f"without {names} it may say the same in other words (numbers, names, negations stay)"


def _named_once(sentence: str, placed: Mapping[str, str]) -> str:
    """Name each part by its first words where it is mentioned again, and say only once what it is a
    piece of."""
    for full, name in placed.items():
        head, first, rest = sentence.partition(name)
        place = full.removeprefix(name)
        told = place if rest.startswith(place) else ""  # else it was named inside of it
        sentence = f"{head}{first}{told}{rest.removeprefix(told).replace(full, name)}"
    quoted = re.findall(_QUOTE, sentence)
    seen = set[str]()

    def named(match: re.Match[str]) -> str:
        text = match[1]
        if text not in seen or len(text) <= _LONG:
            seen.add(text)
            return match[0]
        begins = by_words(text.partition(" … ")[0], _SHORT).removesuffix(" …")
        alike = any(other.startswith(begins) for other in quoted if other != text)
        return match[0] if alike else f"“{begins} …”"

    return re.sub(_QUOTE, named, sentence)


def named_parts(
    parts: Sequence[Segment | SegmentAttribution],
    segments: Sequence[SegmentAttribution],
    coarser: Sequence[SegmentAttribution],
    messages: Sequence[Message],
) -> list[str]:
    """The names of parts of a prompt, as the summary of its explanation names them."""
    tree = _Tree(segments, coarser, messages)
    return [tree.name_of(part) for part in parts]


class _Tree:
    """The segments of a prompt, and the passages that some of them are pieces of."""

    def __init__(
        self,
        segments: Sequence[SegmentAttribution],
        coarser: Sequence[SegmentAttribution],
        messages: Sequence[Message],
    ) -> None:
        self.coarser, self.messages = coarser, messages
        self.everything = sorted([*segments, *coarser], key=lambda s: s.places)
        self.free = [s for s in segments if not s.protected]
        self._outermost = [s for s in self.everything if s.parent is None]
        self.placed: dict[str, str] = {}
        """The names that tell what a part is a piece of, with the names that do not."""

    def above(self, segment: SegmentAttribution) -> Iterator[SegmentAttribution]:
        """The passages around the segment, the smallest first."""
        return around(segment, self.coarser)

    def inside(self, passage: SegmentAttribution) -> list[SegmentAttribution]:
        """The finest pieces of a passage; none if it was not refined."""
        return [s for s in self.free if passage in self.above(s)]

    def of_keys(self, keys: Sequence[str]) -> list[SegmentAttribution]:
        return [s for key in keys for s in self.free if s.key == key]

    @property
    def drivers(self) -> list[SegmentAttribution]:
        """The outermost segments that support the answer, the strongest first."""
        return outermost_drivers(self.free, self.coarser)

    def named(self, segment: SegmentAttribution) -> str:
        """The segment's text, followed by the document or tool's result that it is a piece of, or,
        if the prompt holds it more than once, by its passage. A piece that is all of its passage is
        the passage."""
        name = self.by_itself(segment, self.like(segment))
        if segment.parent is None:
            return name
        passage = self.coarser[segment.parent]
        if words(segment.text) == words(passage.text):
            return self.named(passage)
        sources = (p for p in self.above(segment) if p.unit in ("document", "tool_result"))
        if self._is_repeated(segment):
            return f"{name} in {self.named(passage)}"
        if (source := next(sources, None)) is None:
            return name
        placed = f"{name} in {self.named(source)}"
        self.placed[placed] = name
        return placed

    def name_of(self, part: Segment | SegmentAttribution) -> str:
        """The name of any part of the prompt: its own, or its text and what it is a piece of."""
        known = next((s for s in self.everything if s.places == part.places), None)
        if known is not None:
            name = self.by_itself(known, self.like(known))
        else:
            name = str(named_by_tool(part, self.messages) or _quoted(part))
        around = [s for s in self._outermost if s is not known and is_within(part, s)]
        return f"{name} in {self.named(around[0])}" if around else name

    def _is_repeated(self, segment: SegmentAttribution) -> bool:
        text = f" {words(segment.text)} "
        return sum(f" {words(whole.text)} ".count(text) for whole in self._outermost) > 1

    def by_itself(self, segment: SegmentAttribution, like: Sequence[SegmentAttribution]) -> str:
        """A tool and its result by its name, the only message of a role by it, else the text, told
        apart from those like it."""
        if (tool := named_by_tool(segment, self.messages)) is not None:
            return str(tool)
        roles = [message.role for message in self.messages]
        if segment.unit == "message" and roles.count(segment.role) == 1:
            return f"the {segment.role} message"
        return _named(segment, like)

    def like(
        self, segment: SegmentAttribution, finest: Sequence[SegmentAttribution] = ()
    ) -> list[SegmentAttribution]:
        """The parts among which it is numbered: these if it is one of them, else its siblings."""
        if any(s is segment for s in finest):
            return list(finest)
        return [s for s in self.everything if s.parent == segment.parent]

    def named_together(self, segments: Sequence[SegmentAttribution]) -> dict[str, str]:
        """The segments' names by key, without their passage if all share it and it was named."""
        shared = {s.parent for s in segments}
        if len(shared) == 1 and any(s in self.drivers for s in self.above(segments[0])):
            pieces = [s for s in self.everything if s.parent in shared]
            return {s.key: self.by_itself(s, pieces) for s in segments}
        return {s.key: self.named(s) for s in segments}


def _drivers(tree: _Tree, of: str, costs: "_Costs") -> str:
    """The drivers that are named, with the finest parts that are; the others are counted."""
    named = named_drivers(tree.free, tree.coarser)
    told, left = list[str](), list[SegmentAttribution]()
    for driver in tree.drivers:
        inside = finest_inside(driver, tree.free, tree.coarser)
        if driver not in named:
            left.append(max([driver, *inside], key=lambda s: s.ci_high))
            continue
        lost, pieces = costs.of(driver, of), tree.inside(driver)
        inner = [s for s in inside if s in named]
        names = [f"{tree.by_itself(s, tree.like(s, pieces))} ({costs.of(s, of)})" for s in inner]
        more = further([s for s in inside if s not in inner], named)
        finer = f", notably on {listed([*names, *filter(None, [more])])}" if inner else ""
        told.append(f"{tree.named(driver)} ({lost}){finer}")
    more = further(left, named)
    if not any(map(tree.inside, tree.drivers)):
        return listed([*told, *filter(None, [more])])
    return "; on ".join(told) + (f"; and on {more}" if more else "")


class _Costs:
    """What is lost without segments: on average over what else is removed, and alone if that was
    measured and is another number; which is which is said once, and what of."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def of(self, segment: SegmentAttribution, what: str) -> str:
        """Say it of a segment; `what` of: of the answer."""
        is_lost = self._once("", f" {what} is lost")
        lost, alone = f"{_lost(segment)}{is_lost}", segment.leave_one_out
        apart = None if alone is None else abs(alone - segment.attribution)
        if segment.ci_low >= 1 or (apart is not None and apart < _AS_ALONE):
            return f"without it, {lost}" if is_lost else lost
        average, differs = f"{lost}{' without it' if is_lost else ''}", (apart or 0) >= _LIKE_ALONE
        average = self._once(average, " on average")
        if not differs:
            return average
        return f"{average}, {self._once(_percent(alone or 0.0), ' if removed')} alone"

    def _once(self, cost: str, how: str) -> str:
        if how in self._said:
            return cost
        self._said.add(how)
        return f"{cost}{how}"


def _perhaps_first(tree: _Tree, first: FirstPlace | None) -> Iterator[str]:
    if first is None:
        return
    found = tree.of_keys(first.keys)
    if not found:
        nouns = set(map(_noun, tree.free))
        yield f"No {nouns.pop() if len(nouns) == 1 else 'part'} stands out."
        return
    yield f"The strongest part is most likely {_one_of(tree, found)}."


def _first_of_several(tree: _Tree, first: FirstPlace | None) -> Iterator[str]:
    if first is None or len(first.keys) < 2:
        return
    found = tree.of_keys(first.keys)
    certain = [
        part
        for driver in tree.drivers
        for part in telling_drivers(driver, tree.free, tree.coarser)
        if part not in found
    ]
    most = max(part.attribution for part in found)
    stronger = any(part.attribution > most for part in certain)  # in none of the finest passages
    if not stronger and not all(map(drives, found)):
        yield f"the strongest part is most likely {_one_of(tree, found)}"


def _one_of(tree: _Tree, segments: Sequence[SegmentAttribution]) -> str:
    names = list(map(tree.named, segments))
    return listed(names, "or")


def _together(names: Mapping[str, str], pairs: Sequence[Interaction]) -> Iterator[str]:
    """Clauses on pairs of which either is enough, and on groups of which every two only work
    together: what two parts both need may make them add up."""
    together = {frozenset((pair.first, pair.second)) for pair in pairs if pair.kind == "both"}
    groups: list[set[str]] = []
    for pair in sorted(pairs, key=lambda pair: -abs(pair.value)):
        both = {pair.first, pair.second}
        if pair.kind == "either":
            yield f"either {names[pair.first]} or {names[pair.second]} is enough"
            continue
        for group in groups:
            if all(frozenset(two) in together for two in combinations(group | both, 2)):
                group |= both
                break
        else:
            groups.append(both)
    for group in groups:
        yield f"{listed([name for key, name in names.items() if key in group])} only work together"


def _without_both(tree: _Tree, pair: tuple[str, str, float], of: str) -> str:
    names = tree.named_together([s for s in tree.everything if s.key in pair[:2]])
    return f"without both {listed(list(names.values()))}, {_percent(pair[2])} {of} is lost"


def _no_effect(fidelity: Fidelity, answer: str, *, same_texts: bool, by_content: bool) -> str:
    what = answer[0].lower() + answer[1:]
    if fidelity.noise_floor > NEGLIGIBLE:
        moved = "changed no more than it does when the same prompt is asked again"
    elif same_texts:
        moved = "stayed the same"
    else:
        moved = "changed less than this comparison can tell from noise"
    unseen = f" ({NOT_COMPARED})" if by_content and not same_texts else ""
    return f"Whatever was removed from the prompt, {what} {moved}{unseen}."


def _others(
    segments: Sequence[SegmentAttribution],
    coarser: Sequence[SegmentAttribution],
    of: str,
    limit: float,
    *,
    by_content: bool,
) -> Iterator[str]:
    small = [s for s in segments if s.verdict in _SURE and not (s.significant or s.fails_without)]
    if excluded := [*small, *(s for s in segments if s.verdict == "excluded")]:
        made = LITTLE if small else NO_DIFFERENCE
        less = f"{'each ' * (len(excluded) > 1)}less than {_percent(limit)}"
        to = f" to what the answer says ({less} of it; {NOT_COMPARED})" if by_content else ""
        yield f"{_counted(excluded, 'other')} {made}{to or f' ({less})'}"
    if unknown := [s for s in segments if s.verdict == "open"]:
        are, each = ("is", "it") if len(unknown) == 1 else ("are", "each")
        most = round(100 * max(at_most_inside(s, coarser) for s in unknown))
        not_settled = f"{_counted(unknown, 'other')} {are} not settled"
        yield f"{not_settled}: {each} could account for up to {most} % {of}"


def _never_removed(protected: Sequence[SegmentAttribution]) -> Iterator[str]:
    if by_wish := [s for s in protected if not _is_rest(s)]:
        was = "was" if len(by_wish) == 1 else "were"
        yield f"{_counted(by_wish, 'protected')} {was} never removed"
    if any(map(_is_rest, protected)):
        yield "the rest of the prompt was never removed"


def _is_rest(segment: SegmentAttribution) -> bool:
    return segment.unit == "span" and ":rest:" in segment.key


def _lost(segment: SegmentAttribution) -> str:
    """The lost share with its interval unless within one per cent, in per cent from 0 to 100; how
    much less is lost without what works against the answer."""
    sign = -1 if segment.attribution < 0 else 1
    value, *ends = (
        round(100 * min(max(sign * number, 0.0), 1.0))
        for number in (segment.attribution, segment.ci_low, segment.ci_high)
    )
    low, high = sorted(ends)
    interval = "" if high - low <= 1 else f" [{low} to {high} %]"
    return f"{'all' if low == 100 else f'{value} %{interval}'}{' less' * (sign < 0)}"


def _percent(share: float) -> str:
    number = round(100 * share)
    return "all" if number == 100 else f"{abs(number)} %{' less' * (number < 0)}"


def _named(segment: SegmentAttribution, segments: Sequence[SegmentAttribution]) -> str:
    """The segment's text in quotes, with an ordinal if the prompt holds it more than once."""
    text = _quoted(segment)
    if segment.unit == "variable" and ":var:" in segment.key:
        name = segment.key.rpartition(":var:")[2].partition(":")[0]
        return f"the variable {name} ({text})"
    if segment.unit == "message":
        return f"the {segment.role} message {text}"
    if segment.unit in ("turn", "step"):
        return f"the {segment.unit} {text}"
    if segment.unit == "reasoning":
        return f"the {segment.role}'s reasoning {text}"
    same = [s for s in segments if _quoted(s) == text]
    return text if len(same) < 2 else f"the {ordinal(same.index(segment))} {text}"


def _quoted(segment: Segment | SegmentAttribution) -> str:
    """The segment's title or name in quotes, with dots for its further places."""
    if segment.title is not None:
        return f"“{both_ends(segment.title)}”"
    titled = segment.unit in _TITLED and len(" ".join(segment.text.split())) > LONGEST
    name = (title(segment.text) if titled else None) or both_ends(segment.name)
    return f"“{name}{' …' if segment.also else ''}”"


def _counted(segments: Sequence[SegmentAttribution], kind: str) -> str:
    """ "nine other words and two other parts"; only "20 other parts" if there are more kinds."""
    counts = Counter(map(_noun, segments))
    if len(counts) > _MAX_KINDS:
        return f"{in_words(len(segments))} {kind} parts"
    return listed([f"{in_words(n)} {kind} {_plural(noun, n)}" for noun, n in counts.items()])


def _noun(segment: SegmentAttribution) -> str:
    if segment.unit == "variable" and ":var:" not in segment.key:
        return "part of the template"
    if segment.unit == "media":  # "image (png, 12 kB)"
        return segment.text.partition(" ")[0]
    named = {"span": "part", "reasoning": "piece of reasoning"}
    return named.get(segment.unit, segment.unit.replace("_", " "))


def _plural(noun: str, count: int) -> str:
    head, of, rest = noun.partition(" of ")
    return f"{head}{'' if count == 1 else 's'}{of}{rest}"
