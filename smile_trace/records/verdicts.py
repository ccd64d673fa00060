"""The only place that decides what may be said of a part of a prompt, in one answer or over its
calls."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from smile_trace._text.lists import in_words

if TYPE_CHECKING:
    from smile_trace.records.explanation import FieldChange, Interaction, SegmentAttribution

SMALLEST_EFFECT = 0.1
"""The default of `[explain] smallest_effect`, in units of answer change."""

Verdict = Literal["supports", "against", "excluded", "open"]
"""`supports`, `against`: significant, by sign. `excluded`: an effect as large as the smallest that
matters is excluded. `open`: not measured well enough to tell."""

NO_DIFFERENCE = "made no measurable difference"
LITTLE = "made little or no difference"

NOT_COMPARED = "additions, length and form are not compared"

NAMED, MOST_NAMED = 3, 6
"""How many drivers a sentence names, and at most where they are about as strong."""

_SHARE = 1 / 3
"""The share of a driver's effect from which another part is named in its place: one that tells more
than the question, or those inside it."""

WHOLES = ("message", "tool_result", "document", "section", "example", "turn", "step", "reasoning")
"""Units that hold sentences or values: that one of them matters says nothing of these."""

NOT_MEASURED = "not measured well enough to tell"
STANDS_IN = "another part can replace it, either is enough"


def decided(
    segments: Iterable["SegmentAttribution"],
    interactions: Iterable["Interaction"] = (),
    fields: Iterable["FieldChange"] = (),
    *,
    conclusive: bool = True,
    limit: float = SMALLEST_EFFECT,
) -> tuple["SegmentAttribution", ...]:
    """Return the segments with their verdicts. `interactions`: a part that matters together with
    another one is never excluded, however small its effect is on average, nor is one without which
    one of the `fields` of a JSON answer changes; `conclusive`: whether anything can be said at all;
    if not, nothing is excluded, and no part is certain."""
    needed = needed_keys(interactions, fields)
    if not conclusive:
        segments = map(_uncertain, segments)
    return tuple(
        s.model_copy(
            update={"verdict": verdict_of(s, limit, can_exclude=conclusive and s.key not in needed)}
        )
        for s in segments
    )


def needed_keys(interactions: Iterable["Interaction"], fields: Iterable["FieldChange"]) -> set[str]:
    """Return the keys of parts of a pair that works together, or without which a field changes."""
    needed = {key for pair in interactions for key in (pair.first, pair.second)}
    return needed | {key for one in fields for key in (one.key, one.also) if key is not None}


def _uncertain(segment: "SegmentAttribution") -> "SegmentAttribution":
    """Return the segment as if no test had found it: its interval then holds 0."""
    interval = {"ci_low": min(segment.ci_low, 0.0), "ci_high": max(segment.ci_high, 0.0)}
    unsure = {"significant": False, "fails_without": False}
    return segment.model_copy(update={**interval, **unsure})


def drives(segment: "SegmentAttribution") -> bool:
    """Whether the answer certainly depends on it."""
    return segment.significant and segment.attribution > 0


def effect(segment: "SegmentAttribution") -> tuple[float, float]:
    """Return the key by which parts are named: the number that stands beside them, then the
    surrogate's own effect."""
    return round(segment.attribution, 2), segment.strength


def around(
    segment: "SegmentAttribution", coarser: Sequence["SegmentAttribution"]
) -> Iterator["SegmentAttribution"]:
    """Yield the passages around a segment, the smallest first."""
    while segment.parent is not None:
        segment = coarser[segment.parent]
        yield segment


def at_most_inside(segment: "SegmentAttribution", coarser: Sequence["SegmentAttribution"]) -> float:
    """Return the most that a part may account for: no more than the certain passages around it,
    beside which it is no other part."""
    certain = (whole for whole in around(segment, coarser) if whole.significant)
    return min((segment.at_most, *(whole.at_most for whole in certain)))


def outermost_drivers(
    segments: Iterable["SegmentAttribution"], coarser: Sequence["SegmentAttribution"]
) -> list["SegmentAttribution"]:
    """Return the outermost parts that the answer certainly depends on, the strongest first, but for
    the user's question: a document, a tool's result or an instruction with a third of its effect
    comes before it, since it tells a reader more (an answer of two facts needs all of the question,
    and each fact for its half), or what holds such a part."""
    everything = [*coarser, *segments]
    found = [s for s in everything if drives(s)]
    outermost = [s for s in found if not any(map(drives, around(s, coarser)))]
    ranked = sorted(outermost, key=effect, reverse=True)
    if ranked and _is_asked(ranked[0], everything, coarser):
        enough = ranked[0].attribution * _SHARE
        telling = [s for s in found if _tells_more(s) and s.attribution >= enough]
        holding = [one for s in telling for one in (s, *around(s, coarser))]
        first = next((s for s in ranked[1:] if any(s is one for one in holding)), ranked[0])
        ranked.sort(key=lambda s: s is not first)
    return ranked


def strongest_drivers(
    segments: Sequence["SegmentAttribution"], coarser: Sequence["SegmentAttribution"]
) -> list[tuple["SegmentAttribution", "SegmentAttribution"]]:
    """Return the strongest of the parts that drivers are called by, and those that may be as
    strong, each behind the outermost driver that holds it: by their effects, or that of the
    document that holds them; of the question nothing, if it is not the first of these."""
    everything, ranked = [*coarser, *segments], outermost_drivers(segments, coarser)
    kept = (s for s in ranked if s is ranked[0] or not _is_asked(s, everything, coarser))
    held = [(one, part) for one in kept for part in telling_drivers(one, segments, coarser)]

    def shown(part: "SegmentAttribution") -> "SegmentAttribution":
        wholes = filter(drives, around(part, coarser))
        return next((s for s in wholes if s.title is not None or s.unit == "document"), part)

    held.sort(key=lambda pair: effect(shown(pair[1])), reverse=True)
    strong = as_strong([shown(part) for _, part in held])
    return [pair for pair in held if any(shown(pair[1]) is one for one in strong)]


def as_strong(ranked: Sequence["SegmentAttribution"]) -> list["SegmentAttribution"]:
    """Return the first part and those that may be as strong."""
    return [s for s in ranked if s is ranked[0] or _may_be_as_strong(s, ranked[:1])]


def _is_asked(
    segment: "SegmentAttribution",
    everything: Sequence["SegmentAttribution"],
    coarser: Sequence["SegmentAttribution"],
) -> bool:
    """Whether it is in the user's question: the last part of the last user message, no document and
    no word."""
    asked = [s for s in everything if s.role == "user" and s.parent is None]
    root = [segment, *around(segment, coarser)][-1]
    last = bool(asked) and root is max(asked, key=lambda s: s.places)
    return last and root.unit != "word" and not _tells_more(root)


def _tells_more(segment: "SegmentAttribution") -> bool:
    retrieved = segment.title is not None or segment.unit in ("document", "tool_result")
    return retrieved or segment.role in ("system", "developer", "tool")


def finest_drivers(
    driver: "SegmentAttribution",
    segments: Sequence["SegmentAttribution"],
    coarser: Sequence["SegmentAttribution"],
) -> list["SegmentAttribution"]:
    """Return the finest parts inside a driver that the answer certainly depends on, the strongest
    first. A part whose certain pieces do not carry it is itself the finest."""
    inside: dict[int, list[SegmentAttribution]] = {}
    for part in filter(drives, (*coarser, *segments)):
        if (whole := next(filter(drives, around(part, coarser)), None)) is not None:
            inside.setdefault(id(whole), []).append(part)

    def carriers(part: "SegmentAttribution") -> list["SegmentAttribution"]:
        finest = [one for piece in inside.get(id(part), ()) for one in carriers(piece)]
        return finest if _carry(finest, part) else [part]

    finest = (one for part in inside.get(id(driver), ()) for one in carriers(part))
    return sorted(finest, key=effect, reverse=True)


def telling_drivers(
    driver: "SegmentAttribution",
    segments: Sequence["SegmentAttribution"],
    coarser: Sequence["SegmentAttribution"],
) -> list["SegmentAttribution"]:
    """Return what a driver is called by: the finest parts inside it if they carry it, else it."""
    finest = finest_drivers(driver, segments, coarser)
    return finest if _carry(finest, driver) else [driver]


def _carry(parts: Sequence["SegmentAttribution"], whole: "SegmentAttribution") -> bool:
    """Whether parts inside a driver have at least a third of its effect together, on average or
    where each was removed alone: a word of .08 in a rule of .68 does not tell what the rule does,
    and a sentence of .18 in a message of .60 does if .88 is lost without it alone."""
    costs = (max(part.attribution, part.leave_one_out or 0.0) for part in parts)
    return bool(parts) and sum(costs) >= whole.attribution * _SHARE


def named_of(drivers: Sequence["SegmentAttribution"]) -> int:
    """Return how many of several drivers a sentence names: three, and up to six of those that may
    be as strong as the weakest of these."""
    count = NAMED
    while count < min(len(drivers), MOST_NAMED) and _may_be_as_strong(drivers[count], drivers):
        count += 1
    return min(count, len(drivers))


def further(rest: Sequence["SegmentAttribution"], named: Sequence["SegmentAttribution"]) -> str:
    """Return what a sentence says of the drivers that it does not name: `two weaker parts`, which
    are weaker than all that it names; empty if there are none."""
    weakest = min((one.attribution for one in named), default=0.0)
    if any(one.ci_high >= weakest for one in rest):
        return f"{in_words(len(rest))} more that may be as strong"
    return f"{in_words(len(rest))} weaker part{'' if len(rest) == 1 else 's'}" if rest else ""


def _may_be_as_strong(driver: "SegmentAttribution", before: Sequence["SegmentAttribution"]) -> bool:
    """Whether its interval reaches the weakest of the first ones."""
    return driver.ci_high >= min(one.attribution for one in before[:NAMED])


def joint(verdicts: Collection[Verdict | None]) -> Verdict:
    """Return the verdict on several parts: one matters, all are excluded, or `open`."""
    for verdict in ("supports", "against"):
        if verdict in verdicts:
            return verdict
    return "excluded" if verdicts and all(v == "excluded" for v in verdicts) else "open"


def verdict_of(
    segment: "SegmentAttribution", limit: float = SMALLEST_EFFECT, *, can_exclude: bool = True
) -> Verdict | None:
    """Return the verdict on a segment by itself; None if protected, since it was never removed."""
    if segment.protected:
        return None
    if segment.fails_without and not segment.significant:
        return "supports"
    sign = segment.attribution if segment.significant else None
    return verdict_on(sign, segment.at_most, limit, can_exclude=can_exclude)


def verdict_on(
    significant: float | None, at_most: float, limit: float, *, can_exclude: bool = True
) -> Verdict:
    """Return the verdict on an effect, given if it is significant. Exclusion takes two one-sided
    tests at 5 % (Schuirmann 1987): `at_most`, the largest absolute effect in its 90 % interval, or
    that was measured with it alone removed, is below the limit."""
    if significant is not None:
        return "supports" if significant > 0 else "against"
    return "excluded" if can_exclude and at_most < limit else "open"


def most_of(low: float, high: float) -> float:
    """Return the largest absolute effect in an interval, in [0, 1]."""
    return min(max(abs(low), abs(high)), 1.0)


def in_sentence(verdict: Verdict, at_most: float) -> str:
    """Put a verdict in the words of a table; `open` says how much the part may matter at most."""
    if verdict == "open":
        return f"{NOT_MEASURED}: up to {round(100 * at_most)} % of the answer"
    return {"supports": "supports", "against": "works against", "excluded": NO_DIFFERENCE}[verdict]
