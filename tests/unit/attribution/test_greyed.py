"""Parts of several levels that are called without effect, removed together."""

import pytest

from smile_trace.attribution.design.planner import call_key
from smile_trace.attribution.greyed import Greyed
from smile_trace.attribution.reporting.segments import open_inside
from smile_trace.records import Message, Perturbation, Response, Segment, SegmentAttribution
from smile_trace.records.message import ToolCall, ToolResult
from tests.support.studies import constant, further, run


def segment(key: str, high: float = 0.02, **fields: object) -> SegmentAttribution:
    values = {"attribution": 0.0, "ci_low": 0.0, "ci_high": high, "p_value": 1.0} | fields
    return SegmentAttribution.model_validate(
        {
            "text": key,
            "message": 0,
            "role": "user",
            "start": ord(key),
            "end": ord(key) + 1,
            "unit": "word",
            "key": key,
            "significant": False,
            **values,
        }
    )


def greyed(lost: dict[str, float], **high: float) -> Greyed:
    """Of the parts a to e, with what was lost without some of them."""
    segments = tuple(segment(key, high.get(key, 0.02)) for key in "abcde")
    places = {frozenset(map("abcde".index, keys)): change for keys, change in lost.items()}
    excluded = frozenset(k for k, s in enumerate(segments) if s.at_most < 0.1)
    return Greyed(segments, excluded, frozenset(), frozenset(range(5)), places, 0.1)


def opened(of: Greyed) -> str:
    return "".join(s.key for s in of.opened() if s.at_most >= 0.1)


def test_what_no_part_alone_explains_opens_the_fewest_that_lost_it() -> None:
    assert greyed({}).next_removals() == [list("abcde")]
    assert opened(greyed({"abcde": 0.0})) == ""
    assert opened(greyed({"abcde": 0.09})) == ""
    assert opened(greyed({"abcde": 0.6})) == "abcde"
    assert opened(greyed({"abcde": 0.6, "bd": 0.6})) == "bd"
    # What they may differ by, as independent errors do, is no reason to doubt them.
    assert opened(greyed({"abcde": 0.15}, **dict.fromkeys("abcde", 0.07))) == ""
    assert opened(greyed({"abcde": 0.17}, **dict.fromkeys("abcde", 0.07))) == "abcde"


def test_two_are_a_pair_once_each_was_removed_alone_and_cost_little() -> None:
    lost = {"abcde": 0.6, "bd": 0.6, "ace": 0.0, "acde": 0.0, "abce": 0.0}
    assert not greyed(lost).pairs()
    assert greyed(lost).next_removals() == [["b"], ["d"]]
    [pair] = greyed({**lost, "b": 0.0, "d": 0.05}).pairs()
    assert (pair.kind, pair.first, pair.second) == ("either", "b", "d")
    assert pair.value == pytest.approx(0.55)
    assert not greyed({**lost, "b": 0.0, "d": 0.2}).pairs()


def test_an_open_part_comes_last_and_explains_what_it_costs() -> None:
    of = greyed({"abde": 0.0}, c=0.4)
    assert of.next_removals() == [list("abcde")]
    # Which of the excluded ones stands in for the open one is not known: none is opened for it.
    assert opened(greyed({"abde": 0.0, "abcde": 0.8}, c=0.4)) == "c"
    assert opened(greyed({"abde": 0.0, "abcde": 0.8, "ac": 0.8, "c": 0.0}, c=0.4)) == "ac"
    alone = Greyed(
        tuple(
            s.model_copy(update={"leave_one_out": 0.35 if s.key == "c" else None})
            for s in of.segments
        ),
        of.excluded,
        of.spared,
        of.doubtful,
        {**of.lost, frozenset(range(5)): 0.35},
        0.1,
    )
    assert opened(alone) == "c"


def test_two_that_matter_on_average_and_cost_nothing_alone_are_asked_for_together() -> None:
    named = {"significant": True, "attribution": 0.3, "ci_low": 0.2, "ci_high": 0.4}
    parts = [segment(key) for key in "ac"]
    parts += [segment(key, **named, leave_one_out=0.0) for key in "bd"]
    parts.append(segment("e", **named, leave_one_out=0.5))
    whole = sorted(parts, key=lambda one: one.key)

    partition = [
        Segment.model_validate(s.model_dump(include=set(Segment.model_fields))) for s in whole
    ]

    def of(*rows: tuple[str, float]) -> Greyed:
        removals = [
            (partition, (Perturbation(kind="sparse", mask=mask(keys), messages=()), change))
            for keys, change in (("b", 0.0), ("d", 0.0), ("e", 0.5), *rows)
        ]
        return Greyed.of(whole, removals, 0.1, 1)

    def mask(keys: str) -> tuple[bool, ...]:
        return tuple(part.key not in keys for part in whole)

    assert of().next_removals() == [["b", "d"]]
    assert not of(("bd", 0.05)).pairs()
    [pair] = of(("bd", 0.6)).pairs()
    assert (pair.first, pair.second, pair.value) == ("b", "d", 0.6)
    assert of(("bd", 0.6)).opened() == tuple(whole)


def test_no_piece_of_an_open_passage_is_excluded_while_none_is_certain() -> None:
    wholes = segment("a", 0.18), segment("b", 0.05)
    pieces = [segment("c", parent=0), segment("d", parent=0), segment("e", parent=1)]
    found = open_inside(pieces, wholes, 0.1)
    assert [piece.at_most for piece in found] == [0.18, 0.18, 0.02]
    certain = segment("d", 0.2, parent=0, significant=True, attribution=0.15, ci_low=0.1)
    assert [piece.at_most for piece in open_inside([pieces[0], certain], wholes, 0.1)] == [
        0.02,
        0.2,
    ]
    driving = wholes[0].model_copy(update={"significant": True})
    assert open_inside(pieces, (driving, wholes[1]), 0.1) == tuple(pieces)


BIRDS = ("Loki is a merlin.", "Tuva is a falcon.", "Odin is a kestrel.")


def _desk(messages: tuple[Message, ...]) -> str:
    """Needs a bird, and the time from the user or from the result of a tool."""
    said = " ".join(message.content for message in messages)
    if not any(bird in said for bird in BIRDS):
        return "The aviary is empty, so that no flight can be planned for this runway."
    if "09:40" not in said:
        return "Nobody says when the sweeper closes the runway, so keep all birds inside."
    bird = next(bird for bird in BIRDS if bird in said)
    return f"Fly {bird.split()[0]} over the runway, and start when the sweeper has closed it."


@pytest.mark.parametrize("seed", [0, *further(1, 2, 3)])
def test_a_fact_of_the_user_and_of_a_tool_is_not_denied_in_both(seed: int) -> None:
    birds = {"birds": [{"note": bird, "aviary": f"hangar {k}"} for k, bird in enumerate(BIRDS)]}
    sighting = {"species": "gull", "closes": "09:40", "place": "under the lights"}
    rules = "You plan flights.\n\nRules:\n1. Be brief.\n2. Name a bird.\n3. Do not guess."
    messages = [
        Message(role="system", content=rules),
        Message(role="user", content="Gulls again. The sweeper comes at 09:40. Which bird?"),
    ]
    for number, result in enumerate((sighting, birds, {"wind": "calm", "clouds": "none"})):
        call = ToolCall(id=str(number), name=f"tool_{number}", arguments={"runway": 7})
        messages.append(Message(role="assistant", parts=(call,)))
        given = ToolResult(id=str(number), response=result)
        messages.append(Message(role="tool", parts=(given,)))
    asked = run(tuple(messages), _desk, budget=80, unit="auto", seed=seed)
    found = asked.explanation
    at = [s for s in found.segments if "09:40" in s.text]
    assert len(at) == 2
    assert "excluded" not in {s.verdict for s in at}
    assert len(asked.perturbations) <= 80
    pairs = {frozenset((pair.first, pair.second)) for pair in found.interactions}
    assert frozenset(s.key for s in at) in pairs


def test_a_row_of_the_closing_level_tells_of_the_same_segment_of_another() -> None:
    study = run(" ".join(f"word{n}" for n in range(30)), constant).study
    plan, known = study._planner, study._known
    [level] = plan.levels
    lone = tuple(k != 7 for k in range(len(level.segments)))
    assert not any(response for row, response in known.beside(0) if row.mask == lone)
    plan.add_reduced(plan.close({s.key for s in level.segments}), [lone], 1)
    known.asked[call_key(plan.sparse[-1])] = None
    known.take(plan.sparse[-1], Response(text="Other."))
    told = {row.mask: response for row, response in known.beside(0) if response}
    assert told[lone].text == "Other."
