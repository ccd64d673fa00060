"""Which parts of an explained call mattered: what is not known is open, and not excluded."""

import json

import pytest

from smile_trace.comparison import report
from smile_trace.comparison.call_parts import CallPart, call_parts
from smile_trace.records import (
    Call,
    Document,
    Explanation,
    FidelityStatus,
    Message,
    PromptUse,
    SegmentAttribution,
    TextPart,
    ToolCall,
    ToolResult,
)
from smile_trace.records.formats.requests import OFFERED
from smile_trace.records.verdicts import decided
from tests.support.explained import explanation

RETURNS, PRICES = "Returns are free for thirty days.", "The lamp costs forty euros."


QUESTION = "How long are returns free?"


USER = f"{RETURNS}\n{PRICES}\n{QUESTION}"


MESSAGES = (
    Message(role="system", content="Be brief."),
    Message(role="user", content="Hello!"),
    Message(role="assistant", parts=(ToolCall(id="c", name="get_order", arguments={"n": 1}),)),
    Message(role="tool", parts=(ToolResult(id="c", response="It left on Monday."),)),
    Message(role="user", content=USER),
)


TOOL = {"type": "function", "function": {"name": "refund", "parameters": {}}}


def _call() -> Call:
    places = [(4, USER.index(text), USER.index(text) + len(text)) for text in (RETURNS, PRICES)]
    documents = (
        Document(id="r", source="returns.md", text=RETURNS, place=places[0], retriever="search"),
        Document(id="b53406e05f5e421a9eb38b86909346a3", text=PRICES, place=places[1]),
    )
    return Call(
        trace_id="a" * 32, span_id="b" * 16, name="answer", messages=MESSAGES, answer="Thirty days",
        start_ns=1, end_ns=2, documents=documents,
    )  # fmt: skip


def _segment(message: int, text: str, value: float, *, significant: bool) -> SegmentAttribution:
    messages = (*MESSAGES, _offered())
    start = messages[message].content.index(text)
    return SegmentAttribution(
        text=text, message=message, role=messages[message].role, start=start,
        end=start + len(text), unit="sentence", key=f"{message}:{start}", attribution=value,
        ci_low=value - 0.05, ci_high=value + 0.05, significant=significant,
    )  # fmt: skip


def _still(segment: SegmentAttribution) -> SegmentAttribution:
    """The segment without an effect."""
    none = {"attribution": 0.0, "ci_low": -0.05, "ci_high": 0.05, "significant": False}
    return segment.model_copy(update=none)


def _offered() -> Message:
    return Message(role=OFFERED, parts=(TextPart(content=json.dumps(TOOL)),))


def _explanation(status: FidelityStatus, *segments: SegmentAttribution) -> Explanation:
    found = explanation(status=status)
    of = decided(segments, conclusive=status != "inconclusive")
    return found.model_copy(update={"messages": (*MESSAGES, _offered()), "segments": of})


def _parts(status: FidelityStatus, *segments: SegmentAttribution) -> dict[str, CallPart]:
    found = call_parts(_call(), _explanation(status, *segments))
    return {part.name: part for part in found}


ALL = (
    _segment(0, "Be brief.", 0.0, significant=False),
    _segment(1, "Hello!", 0.0, significant=False),
    _segment(3, "It left on Monday.", -0.4, significant=True),
    _segment(4, RETURNS, 0.8, significant=True),
    _segment(4, PRICES, 0.0, significant=False),
    _segment(4, QUESTION, 0.3, significant=True),
    _segment(5, json.dumps(TOOL), 0.0, significant=False),
)


def test_each_part_by_its_name_and_group() -> None:
    parts = _parts("reliable", *ALL)
    assert {name: (p.kind, p.effect, p.group) for name, p in parts.items()} == {
        "returns.md": ("document", "supports", "search"),
        PRICES: ("document", "excluded", "recorded with the call"),
        "get_order": ("tool_result", "against", "get_order"),
        "refund": ("tool", "excluded", "refund"),
        "the question": ("turn", "supports", None),
        "the user's message 1 turn before": ("turn", "excluded", None),
        "the system message": ("message", "excluded", None),
    }
    assert parts["returns.md"].measured == pytest.approx((0.8, 0.75, 0.85))


def test_an_answer_depends_most_on_the_largest_effect_also_of_the_question() -> None:
    """The summary names a document before the question; the count is by size."""
    asked = [s.model_copy(update={"attribution": 0.9}) if s.text == QUESTION else s for s in ALL]
    for segments, drives in ((ALL, "returns.md"), (asked, "the question")):
        parts = _parts("reliable", *segments)
        assert [name for name, part in parts.items() if part.drove] == [drives]
    # Its message, removed as a whole, has an effect that is larger still.
    whole = _segment(4, USER, 0.95, significant=True)
    inside = [s.model_copy(update={"parent": 0}) if s.message == 4 else s for s in ALL]
    found = _explanation("reliable", *inside).model_copy(update={"coarser": (whole,)})
    assert [part.name for part in call_parts(_call(), found) if part.drove] == ["returns.md"]


def test_a_document_is_no_part_of_the_question() -> None:
    """Only a document in the user's message matters: the question itself does not."""
    without = [s if s.text == RETURNS else _still(s) for s in ALL]
    parts = _parts("reliable", *without)
    assert (parts["returns.md"].effect, parts["the question"].effect) == ("supports", "excluded")


@pytest.mark.parametrize("value", [0.04, -0.04])
def test_a_certain_effect_below_the_smallest_that_matters_does_not_matter(value: float) -> None:
    small = [_segment(4, RETURNS, value, significant=True), *map(_still, ALL)]
    part = _parts("reliable", *(s for s in small if s.text != RETURNS or s.significant))[
        "returns.md"
    ]
    assert (part.effect, part.drove) == ("excluded", False)


def test_what_is_not_known_is_open() -> None:
    wide = [s.model_copy(update={"ci_high": 0.3}) if s.text == PRICES else s for s in ALL]
    parts = _parts("partial", *wide)
    assert parts["returns.md"].effect == "supports"
    assert (parts[PRICES].effect, parts["the system message"].effect) == ("open", "excluded")
    assert {part.effect for part in _parts("inconclusive", *ALL).values()} == {"open"}
    protected = [s.model_copy(update={"protected": s.text == PRICES}) for s in ALL]
    assert _parts("reliable", *protected)[PRICES].effect == "open", "it was never removed"
    without = list(map(_still, ALL))
    assert {part.effect for part in _parts("no_effect", *without).values()} == {"excluded"}


def test_removed_only_together() -> None:
    """Both documents as one passage that matters: of neither it is known."""
    both = _segment(4, f"{RETURNS}\n{PRICES}", 0.8, significant=True)
    parts = _parts("reliable", both)
    assert parts["returns.md"].effect == parts[PRICES].effect == "open"
    without = _parts("reliable", _still(both))
    assert without["returns.md"].effect == without[PRICES].effect == "excluded"


@pytest.mark.parametrize(
    ("value", "significant", "effect"),
    [(0.0, False, "excluded"), (0.3, False, "open"), (0.3, True, "open")],
)
def test_each_instruction_of_a_message_judged_as_a_whole_is_counted(
    value: float, significant: bool, effect: str
) -> None:
    """Of all calls that hold an instruction, not of those alone whose message was taken apart."""
    told = "Be brief. Tell the price in euros. The rules:"
    system = Message(role="system", content=told)
    use = PromptUse(name="shop", version="1", template=told, message=0, start=0, end=len(told))
    call = _call().model_copy(update={"messages": (system, *MESSAGES[1:]), "prompts": (use,)})
    segment = _segment(0, "Be brief.", value, significant=significant)
    whole = segment.model_copy(update={"text": told, "end": len(told)})
    parts = call_parts(call, _explanation("reliable", whole))
    assert [(part.name, part.effect) for part in parts if part.kind == "instruction"] == [
        ("Be brief.", effect),
        ("Tell the price in euros.", effect),
    ]


def test_what_a_tool_gave_back_in_a_users_message_is_no_turn() -> None:
    """Anthropic's results stand in messages of the user."""
    result = MESSAGES[3].model_copy(update={"role": "user"})
    call = _call().model_copy(update={"messages": (*MESSAGES[:3], result, MESSAGES[4])})
    found = call_parts(call, _explanation("reliable", *ALL))
    assert [part.name for part in found if part.kind == "turn"] == [
        "the question",
        "the user's message 1 turn before",
    ]


def _seen(call: str, version: str, *parts: CallPart) -> report._Seen:
    """A call of that version of a prompt."""
    use = PromptUse(name="shop", version=version, template="", message=0, start=0, end=0)
    return report._Seen(call, ("prompt", "shop"), parts, inconclusive=False, uses=(use,))


def test_instructions_that_begin_alike_have_their_versions() -> None:
    parts = [CallPart("instruction", f"Be {'very ' * 20}{how}.", "open") for how in ("", "kind")]
    same = CallPart("instruction", "Be brief.", "open")
    seen = [_seen(f"{k}", f"{k}", parts[k == 3], same) for k in range(1, 4)]
    names = [part.name[:20] for part in report._group("prompt", "shop", seen, (), None).parts]
    assert names == ["Be brief.", "versions 1, 2: Be ve", "version 3: Be very v"]


def test_groups_of_tools_have_one_order() -> None:
    tools = [CallPart("tool_result", name, "open", group=name) for name in "gbdface"]
    found = report._groups_of_parts("tool", ("tool_result",), [_seen("1", "1", *tools)], ())
    assert [group.name for group in found] == list("abcdefg")
