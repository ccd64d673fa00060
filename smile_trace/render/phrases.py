"""Names in pictures, columns and sentences: the driver of an answer, a retrieved document, the
parts of a message that are not text."""

import re
from collections.abc import Iterator, Mapping, Sequence

from smile_trace._options import listed_texts
from smile_trace._text.lists import listed
from smile_trace._text.telling_words import FUNCTION_WORDS, telling_words
from smile_trace._text.titles import LONGEST, by_words, title
from smile_trace.records import (
    Correction,
    DocumentAttribution,
    Explanation,
    ExplanationSettings,
    Message,
    OtherPart,
    Part,
    Place,
    Reasoning,
    Segment,
    SegmentAttribution,
    ToolCall,
    Verdict,
)
from smile_trace.records.message import tools_answered
from smile_trace.records.path import ExplanationPath
from smile_trace.records.tool_results import named_by_tool
from smile_trace.records.verdicts import NO_DIFFERENCE, NOT_MEASURED, around, strongest_drivers
from smile_trace.render.text import is_whole, noun, short, signed, visible

_LONGEST_NAME = 60

_Sentences = Mapping[Verdict, str]
_ALONE: _Sentences = {
    "supports": "the answer depends on it",
    "against": "it works against the answer",
    "excluded": f"it {NO_DIFFERENCE}",
    "open": f"it was {NOT_MEASURED}",
}
_PIECES: _Sentences = {
    "supports": "the answer depends on a part inside it",
    "against": "a part inside it works against the answer",
    "excluded": f"each part inside it {NO_DIFFERENCE}",
    "open": "the answer depends on none of these for certain",
}
_TOGETHER: _Sentences = {
    "supports": "matters",
    "against": "works against the answer",
    "excluded": NO_DIFFERENCE,
    "open": f"was {NOT_MEASURED}",
}


def document_name(document: DocumentAttribution, text: str = "") -> str:
    """Return a document's name, else the title of its text, else its number among those retrieved
    with it."""
    if (name := document.name or title(text)) is not None:
        return short(name, _LONGEST_NAME)
    return "document" if document.position is None else f"document {document.position + 1}"


def document_sentence(document: DocumentAttribution, explanation: Explanation, text: str) -> str:
    """Say what was measured of a document: `returns.md: +0.62 [+0.51, +0.70]: …`, and of each
    sentence that cites or depends on it: `“It is free.”: cited, not used`."""
    (message, start, end), enough = document.place, enough_beside(explanation)
    parts = (s for s in (*explanation.coarser, *explanation.segments) if s.message == message)
    around = (enough[s.key] for s in parts if s.start <= start and end <= s.end and s.key in enough)
    cited = (
        f"“{short(explanation.answer[one.start : one.end], _LONGEST_NAME)}”: {one.found}"
        for one in explanation.citations
        if one.document is not None and one.document.place == document.place
    )
    measured = _measured(document, next(around, ""))
    return f"{document_name(document, text)}: {'; '.join([measured, *cited])}"


def _measured(document: DocumentAttribution, said: str) -> str:
    if document.measured == "never":
        return "it is protected, and was never removed"
    if document.measured == "in_pieces":
        return f"removed part by part, not as a whole; {_PIECES[_verdict(document)]}"
    if document.measured == "with_others":
        return (
            f"removed only together with other text, all of which {_TOGETHER[_verdict(document)]}"
        )
    value, low, high = (
        signed(number or 0.0)
        for number in (document.attribution, document.ci_low, document.ci_high)
    )
    verdict = _verdict(document)
    return f"{value} [{low}, {high}]: {(verdict == 'open' and said) or _ALONE[verdict]}"


def part_names(explanation: Explanation) -> dict[str, str]:
    """Return the names of the parts by their keys: a tool and its result by it, a document by its
    title, else the text in quotes."""
    return {
        s.key: str(named_by_tool(s, explanation.messages) or f"“{short(s.title or s.name, 40)}”")
        for s in (*explanation.coarser, *explanation.segments)
    }


def enough_beside(explanation: Explanation) -> dict[str, str]:
    """Say of each open part that another one stands in for, by its key: `either this or “X” is
    enough`. It was measured, together with the other one."""
    names, found = part_names(explanation), explanation.interactions
    pairs = [(pair.first, pair.second) for pair in found if pair.kind == "either"]
    other = dict([*pairs, *((second, first) for first, second in pairs)])
    parts = (*explanation.coarser, *explanation.segments)
    is_open = (s.key for s in parts if s.verdict == "open" and s.key in other)
    return {key: f"either this or {names[other[key]]} is enough" for key in is_open}


def _verdict(document: DocumentAttribution) -> Verdict:
    """Return the verdict; a document stored without one is never called excluded."""
    if document.verdict is not None:
        return document.verdict
    if not document.significant:
        return "open"
    return "against" if (document.attribution or 0.0) < 0 else "supports"


NO_DRIVER = "(none)"


_COLUMN = 28
"""Characters of a longer text that are left of it: columns of lists show some twenty."""


def driver_text(explanation: Explanation) -> str:
    """Return the driver on one line of at most 60 characters: a document's name or a passage's
    title, else the finest part that certainly drives the answer, a long one by its telling words,
    and after it those that may be as strong and have room; `NO_DRIVER` if no part does."""
    names: list[str] = []
    for driver in _finest_strongest(explanation):
        name = _document_around(driver, explanation) or telling_name(driver, explanation)
        has_room = len(", ".join([*names, name])) <= LONGEST
        if not names or (has_room and name not in names):
            names.append(name)
    return ", ".join(names) or NO_DRIVER


_TARGETS = {
    "contains": "it should contain",
    "avoid": "it should not contain",
    "scorer": "scored by",
}


def target_clause(settings: ExplanationSettings) -> str:
    """Return what the answer should have been: `it should contain “79 euros”`; empty without a
    target."""
    clauses = [
        f"{_TARGETS.get(name, name)} {listed(list(map(_wanted, listed_texts(value) or ())))}"
        for name, value in settings.target.items()
    ]
    field = f" in {short(settings.answer_part, LONGEST)}" if settings.answer_part else ""
    return f"{', and '.join(clauses)}{field}" if clauses else ""


def _wanted(text: str) -> str:
    text = short(text, LONGEST)
    return text if len(text) > 2 and text[0] == text[-1] == "/" else f"“{text}”"


def target_verdict(explanation: Explanation) -> str:
    """Return whether the answer meets its target: `is right`, `is wrong`; empty without one."""
    if explanation.met is None:
        return ""
    return "is right" if explanation.met else "is wrong"


def question(explanation: Explanation) -> str:
    """Return what an explanation answers: `Why this answer?`, `Why is it wrong?`."""
    verdict = target_verdict(explanation)
    return f"Why {verdict.replace('is', 'is it')}?" if verdict else "Why this answer?"


def target_sentence(explanation: Explanation) -> str:
    """Return whether the answer meets its target, and which: `The answer is wrong: it should
    contain “79 euros”.`; empty without one."""
    verdict = target_verdict(explanation)
    return verdict and f"The answer {verdict}: {target_clause(explanation.settings)}."


def without_it(found: Correction) -> str:
    """Return what was measured of a removal: `without it the answer would be right (9 of 10)`."""
    it = "it" if len(found.parts) == 1 else "these together"
    measured = f" ({found.right} of {found.of})" if found.of > 1 else ""
    return f"without {it} the answer would be right{measured}"


def culprit_text(explanation: Explanation) -> str:
    """Return on one line the parts without which a wrong answer would be right, each by the
    document or tool's result that it is in, else as `driver_text`; `NO_DRIVER` for none."""
    parts = explanation.corrections[0].parts if explanation.corrections else ()
    names = (_culprit_name(part, explanation) for part in parts)
    return short(", ".join(dict.fromkeys(names)), LONGEST) or NO_DRIVER


def culprit_of_path(path: ExplanationPath) -> str:
    """Return on one line because of what a trace went wrong, and at which step."""
    culprit = path.culprit
    steps = (step for step in path.steps if culprit is not None and step.call == culprit.call)
    if culprit is None or (step := next(steps, None)) is None:
        return NO_DRIVER
    names = [_culprit_name(part, step.explanation) for part in culprit.parts]
    named = ", ".join(dict.fromkeys(names)) or f"the {culprit.kind}"
    perhaps = "perhaps " * (culprit.correction is None)
    return short(f"{perhaps}{short(named, LONGEST // 2)}: {step.title}", LONGEST)


def _culprit_name(part: Segment, explanation: Explanation) -> str:
    everything = (*explanation.coarser, *explanation.segments)
    around = (s for s in everything if _is_inside(part, (s.message, s.start, s.end)))
    named = (s for s in around if _is_titled(s) or named_by_tool(s, explanation.messages))
    return _document_around(part, explanation) or telling_name(next(named, part), explanation)


def finest_driver(explanation: Explanation) -> SegmentAttribution | None:
    """Return the strongest of the finest parts that the answer certainly depends on. A document or
    titled passage stays whole. None if nothing certainly drives the answer."""
    return next(_finest_strongest(explanation), None)


def _finest_strongest(explanation: Explanation) -> Iterator[SegmentAttribution]:
    """Yield the `finest_driver`, then those that cannot be told from it."""
    coarser = explanation.coarser
    for driver, found in strongest_drivers(explanation.segments, coarser):
        inward = [found]
        while inward[0] is not driver:
            inward.insert(0, next(around(inward[0], coarser)))
        yield next(filter(_is_titled, inward), found)


def telling_name(segment: Segment | SegmentAttribution, explanation: Explanation) -> str:
    """Return the tool of a part that is one or its result, else its title, or its text; of a long
    one the words that say most, above all those of the answer, after what the part is: a message or
    section was measured as a whole, not these words."""
    if (result := named_by_tool(segment, explanation.messages)) is not None:
        return short(result.brief, LONGEST)
    if segment.title is not None:
        return short(segment.title, LONGEST)
    name = by_words(short(segment.name, _LONGEST_LABEL), LONGEST)
    if len(" ".join(segment.name.split())) <= _COLUMN or segment.unit == "word":
        return name
    if (segment.unit != "sentence") and (titled := title(segment.text)) is not None:
        return short(titled, LONGEST)
    wanted = {word.lower() for word in _WORDS.findall(explanation.answer[:_LONGEST_LABEL])}
    said = telling_words(visible(segment.name), _COLUMN, wanted=wanted - FUNCTION_WORDS)
    role = f"{segment.role} " if segment.unit == "message" else ""
    whole = f"{role}{noun(segment)}: " if is_whole(segment) else ""
    return short(f"{whole}{said}", LONGEST) if said else name


_WORDS = re.compile(r"\w+")


def _is_titled(segment: SegmentAttribution) -> bool:
    return segment.title is not None or segment.unit == "document"


def _document_around(segment: Segment | SegmentAttribution, explanation: Explanation) -> str | None:
    """Return the name of the retrieved document that the part is inside of."""
    for document in explanation.documents:
        if document.name and _is_inside(segment, document.place):
            return short(document.name, LONGEST)
    return None


def _is_inside(segment: Segment | SegmentAttribution, place: Place) -> bool:
    message, start, end = place
    return segment.message == message and start <= segment.start < segment.end <= end


_LONGEST_LABEL = 400


def labels(message: Message) -> dict[int, list[str]]:
    """Return a message's labels by their place in its content: tool calls, images, and so on."""
    found: dict[int, list[str]] = {}
    starts = {slot.part: slot.start for slot in reversed(message.slots)} if message.parts else {}
    at = len(message.content)
    for index in reversed(range(len(message.parts))):
        label = _label(message.parts[index])
        at = starts.get(index, at)
        if label is not None:
            found.setdefault(at, []).insert(0, label)
    end = len(message.content)
    return {place: [_lines(texts, place, end)] for place, texts in found.items()}


def message_title(message: Message, messages: Sequence[Message]) -> str:
    """Return the role; for a tool's result also the tool's name, if a message calls it."""
    tools = tools_answered(message, messages)
    return f"{message.role}: result of {', '.join(tools)}" if tools else message.role


def _lines(texts: Sequence[str], place: int, end: int) -> str:
    """Put each on a line of its own, apart from the text before or after."""
    joined = "\n".join(texts)
    if place < end:
        return f"{joined}\n"
    return f"\n{joined}" if end else joined


def _label(part: Part) -> str | None:
    match part:
        case ToolCall():
            return f"calls {part.name}({short(part.arguments_text, _LONGEST_LABEL)})"
        case Reasoning() if part.is_text:
            return "[reasoning]"
        case Reasoning():
            return f"[reasoning: {short(part.content, _LONGEST_LABEL)}]"
        case OtherPart():
            return f"[{short(part.kind, 60)}]"
    return None
