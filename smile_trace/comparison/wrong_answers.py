"""What stands behind the wrong answers of a prompt: over many calls, which documents, instructions
and tools a removal takes away that makes the answer right, and which wrong ones hold more often."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from heapq import nsmallest
from typing import NamedTuple

import numpy as np
import scipy  # type: ignore[import-untyped]

from smile_trace._stats.false_discoveries import adjusted
from smile_trace._stats.trace_fraction import trace_fraction
from smile_trace.attribution.correction.sentences import by_chance
from smile_trace.attribution.correction.target import Target
from smile_trace.attribution.reporting.segments import NEARLY_ALL, holds, overlap
from smile_trace.comparison.call_parts import NamedPlace, named_places
from smile_trace.comparison.evidence import NothingToCompare, known_prompts
from smile_trace.comparison.final_answers import final_answers
from smile_trace.comparison.sentences import sentences_on_wrong
from smile_trace.comparison.verdicts import ALPHA, share_of
from smile_trace.records import Call, Explanation, Segment
from smile_trace.records.call import trace_id_of
from smile_trace.records.report import BlamedPart, PartKind, WrongAnswers
from smile_trace.store import Store
from smile_trace.store.queries.calls import newest_ids, read_calls, read_feedback, read_wrong
from smile_trace.store.tables import Group
from smile_trace.trackers.marks import says_wrong

MOST_CALLS, MOST_DISLIKED, MOST_IDS = 2000, 5000, 100_000
"""Calls that are looked at, and others that users disliked; they are drawn from so many, the newest
of the period."""
EXAMPLES = 3

Key = tuple[PartKind, str]
"""A part's kind and name."""


class Answers(NamedTuple):
    """Answers of a period, newest first: all, or some drawn from `drawn_from` calls, beside those
    that are explained as wrong. `disliked`: users said so (`smile_trace.feedback`)."""

    calls: list[Call]
    disliked: list[str]
    drawn_from: int


def answers_since(store: Store, name: str, since_ns: int) -> Answers:
    """The answers of a prompt or function since then (Unix nanoseconds), without the steps towards
    them. Raises NothingToCompare if there is none."""
    ids = newest_ids(store.database, name, MOST_IDS, since_ns)
    said = read_feedback(store.database, name, since_ns)
    disliked = [
        one for one in ids if any(says_wrong(it.name, it.score) for it in said.get(one, ()))
    ]
    looked_at = {
        *read_wrong(store.database, ids),
        *nsmallest(MOST_DISLIKED, disliked, key=_place_in_lot),
        *nsmallest(MOST_CALLS, ids, key=_place_in_lot),
    }
    calls = read_calls(store.database, [*looked_at])
    given = final_answers(store, {call.id: Group.of(call)[:2] for call in calls})
    found = {call.id: call for call in calls if call.id in given and call.answer is not None}
    if not found:
        raise NothingToCompare(
            f"no answer of {name!r} since then is in the store{known_prompts(store)}: name an "
            "earlier start"
        )
    of = len(ids) if len(ids) > MOST_CALLS else 0
    return Answers([*found.values()], [one for one in disliked if one in found], of)


def _place_in_lot(call_id: str) -> float:
    return trace_fraction(trace_id_of(call_id))


def misses(call: Call, expected: str) -> bool:
    """Whether a call's answer does not say what was expected."""
    return not Target(expected=expected).comparison(call.answer_without_reasoning, None).is_right


def stand_behind(
    name: str,
    since: str,
    calls: Sequence[Call],
    wrong: set[str],
    explained: Mapping[str, Explanation],
    *,
    untold: int,
    drawn_from: int = 0,
) -> WrongAnswers:
    """Count what stands behind those of the `calls` that are `wrong` (by id), of which some are
    `explained`; of `untold` it is not known what is right. `drawn_from`: as of `Answers`."""
    places = {call.id: named_places(call) for call in calls}
    holding, behind = defaultdict[Key, set[str]](set), defaultdict[Key, list[str]](list)
    for call_id, named in places.items():
        for kind, part_name, *_ in named:
            holding[kind, part_name].add(call_id)
    q_values = _more_often(holding, wrong, len(calls))
    for call_id, explanation in explained.items():
        removed = [part for found in explanation.corrections for part in found.parts]
        for key in dict.fromkeys(
            _key_of(part, places[call_id], calls, holding) for part in removed
        ):
            behind[key].append(call_id)
    parts = [
        BlamedPart(
            kind=key[0],
            name=key[1],
            behind=share_of(len(behind[key]), len(explained)),
            in_wrong=len(holding[key] & wrong),
            in_others=len(holding[key] - wrong),
            q_value=q_values.get(key),
            more_often=q_values.get(key, 1.0) <= ALPHA,
            examples=tuple(behind[key] or sorted(holding[key] & wrong))[:EXAMPLES],
        )
        for key in dict.fromkeys([*behind, *(key for key, q in q_values.items() if q <= ALPHA)])
    ]
    nothing = [one for one in explained.values() if not one.corrections]
    chance = sum(by_chance(*one.control) for one in nothing if one.control is not None)
    report = WrongAnswers(
        name=name,
        since=since,
        wrong=len(wrong),
        others=len(calls) - len(wrong),
        explained=len(explained),
        nothing_found=len(nothing) - chance,
        by_chance=chance,
        untold=untold,
        drawn_from=drawn_from,
        parts=tuple(sorted(parts, key=lambda one: _rank(one, len(wrong), len(calls) - len(wrong)))),
    )
    return report.model_copy(update={"summary": "\n".join(sentences_on_wrong(report))})


def _rank(part: BlamedPart, wrong: int, others: int) -> tuple[float, ...]:
    """What is behind most first, then what wrong calls hold more often by the least chance, and of
    what is beyond counting by how much."""
    q_value = 1.0 if part.q_value is None else part.q_value
    more = part.in_wrong / max(wrong, 1) - part.in_others / max(others, 1)
    return -part.behind.count, q_value, -more


def _more_often(holding: Mapping[Key, set[str]], wrong: set[str], calls: int) -> dict[Key, float]:
    """The adjusted p-values of Fisher's exact test that wrong calls hold a part more often. Parts
    of which no counts could be significant, since they are in all calls or in very few, are no
    hypotheses (Tarone 1990): that depends on how many calls hold them alone."""

    def p_value(in_wrong: int, held: int) -> float:
        return float(scipy.stats.hypergeom.sf(in_wrong - 1, calls, held, len(wrong)))

    tested = {
        key: p_value(len(held & wrong), len(held))
        for key, held in holding.items()
        if p_value(min(len(held), len(wrong)), len(held)) <= ALPHA
    }
    return dict(zip(tested, adjusted(np.array([*tested.values()])).tolist(), strict=True))


def _key_of(
    part: Segment, named: Sequence[NamedPlace], calls: Sequence[Call], holding: dict[Key, set[str]]
) -> Key:
    """The smallest named part that holds a removed one, or that it consists of; else its text, in
    the calls that have it."""

    def size(one: NamedPlace) -> int:
        return one[2][2] - one[2][1]

    around = [one for one in named if all(holds(one[2], place) for place in part.places)]
    touched = [one for one in named if any(overlap(one[2], place) for place in part.places)]
    within = [
        one for one in touched if one[0] == part.unit or size(one) >= NEARLY_ALL * len(part.text)
    ]
    if candidates := around or within:
        kind, name, *_ = min(candidates, key=size)
        return kind, name
    key: Key = ("instruction" if part.role in ("system", "developer") else "turn", part.name)
    holding[key] = {c.id for c in calls if any(part.text.strip() in m.content for m in c.messages)}
    return key
