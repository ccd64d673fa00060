"""Prompt templates that instrumentors wrote, found again in the messages.

A known text is looked for as rendered, or around unknown values. If only the variables' values are
known, the template is the message that holds them, with `{name}` in their places. A template
without a name is named after its span; without a version, it has a hash of its text.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from smile_trace._guards.foreign import ForeignDataError
from smile_trace._text.places import last_place
from smile_trace.dialects.attributes import read_json, read_list, read_object, read_text
from smile_trace.records import JSON, Call, Message, PromptUse, Span, VariableSpan

FIELD = re.compile(r"\{\{\s*(\w+)\s*\}\}|\{(\w+)\}")
MOST_FIELDS = 1000
"""The most places of variables in a template's text."""


def filled_in(template: str, content: str) -> tuple[int, int, list[VariableSpan]] | None:
    """The place of the template in a text, and those of its variables there.

    None if its own words are missing or out of order, a variable would have two values, or places
    are ambiguous (two variables side by side, or a value that holds the words behind it).
    """
    literals, names = _parts(template)
    if not names or len(names) > MOST_FIELDS or not all(literals[1:-1]):
        return None
    places = _first_places(literals, content)
    backwards = _first_places([text[::-1] for text in literals[::-1]], content[::-1])
    if places is None or backwards is None:
        return None
    last_places = [(len(content) - end, len(content) - start) for start, end in backwards[::-1]]
    if places != last_places:
        return None
    spans = [
        VariableSpan(name=name, start=before[1], end=after[0])
        for name, (before, after) in zip(names, pairwise(places), strict=True)
    ]
    values = {(span.name, content[span.start : span.end]) for span in spans}
    if len(values) > len(set(names)):
        return None
    return places[0][0], places[-1][1], spans


def _parts(template: str) -> tuple[list[str], list[str]]:
    """The texts around the variables, and their names."""
    literals, names, at = [], [], 0
    for match in FIELD.finditer(template):
        literals.append(template[at : match.start()])
        names.append(match[1] or match[2])
        at = match.end()
    return [*literals, template[at:]], names


def _first_places(literals: Sequence[str], content: str) -> list[tuple[int, int]] | None:
    """The first places of the texts in order; the last text is preferred at the content's end."""
    found: list[tuple[int, int]] = []
    at = 0
    for number, text in enumerate(literals):
        start = content.find(text, at)
        end = len(content) - len(text)
        if number + 1 == len(literals) and end >= at and content.endswith(text):
            start = end
        if start < 0:
            return None
        at = start + len(text)
        found.append((start, at))
    return found


_SHORTEST = 3
"""The fewest characters of a value that is recognised without the template's text."""
_MOST = 50
"""The most variables of one template."""


@dataclass(frozen=True)
class Template:
    """A template as a span states it."""

    name: str | None = None
    version: str | None = None
    text: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


def texts_of(variables: Mapping[str, JSON]) -> dict[str, str]:
    """The variables whose values are texts or numbers, as texts."""
    plain = {k: v for k, v in variables.items() if isinstance(v, str | int | float)}
    return {str(k): str(v) for k, v in list(plain.items())[:_MOST]}


def find_prompts(
    template: Template, messages: Sequence[Message], span_name: str
) -> tuple[PromptUse, ...]:
    """The places of the template in the messages, each of which must be a single text to match."""
    places: list[tuple[int, str, int, int, list[VariableSpan], bool]] = []
    single = [(n, m.content) for n, m in enumerate(messages) if len(m.slots) == 1 and m.content]
    variables = dict(template.variables)
    if template.text is not None and not variables and FIELD.search(template.text):
        for number, content in reversed(single):
            if (place := filled_in(template.text, content)) is not None:
                start, end, spans = place
                variables = {span.name: content[span.start : span.end] for span in spans}
                places.append((number, template.text, start, end, spans, False))
                break
    elif template.text is not None:
        longest = max((len(content) for _, content in single), default=0)
        text, spans = _rendered(template.text, template.variables, longest)
        for number, content in reversed(single):
            if text and (start := last_place(content, text)) >= 0:
                moved = [s.model_copy(update=_moved(s, start)) for s in spans]
                again = content.count(text) > 1
                places = [(number, template.text, start, start + len(text), moved, again)]
                break
    elif template.variables:
        for number, content in single:
            if spans := _values(content, template.variables):
                written = _with_names(content, spans)
                places.append((number, written, 0, len(content), spans, False))
    elif template.name is not None and single:
        number, content = single[0]
        places = [(number, content, 0, len(content), [], False)]
    return tuple(
        PromptUse(
            name=template.name or span_name,
            version=template.version or _hash(text),
            template=text,
            variables=variables,
            message=number,
            start=start,
            end=end,
            variable_spans=tuple(spans),
            ambiguous=again,
        )
        for number, text, start, end, spans, again in places
    )


def _rendered(
    template: str, variables: Mapping[str, str], longest: int
) -> tuple[str, list[VariableSpan]]:
    """The rendered text and its variables' places; empty if longer than any message, which bounds
    the result of repeating a long value."""
    pieces: list[str] = []
    spans: list[VariableSpan] = []
    at = length = 0
    for match in FIELD.finditer(template):
        name = match[1] or match[2]
        if name not in variables:
            continue
        start = length + match.start() - at
        length = start + len(variables[name])
        if length > longest or len(spans) == MOST_FIELDS:
            return "", []
        pieces += (template[at : match.start()], variables[name])
        spans.append(VariableSpan(name=name, start=start, end=length))
        at = match.end()
    return "".join([*pieces, template[at:]]), spans


def _moved(span: VariableSpan, start: int) -> dict[str, int]:
    return {"start": span.start + start, "end": span.end + start}


def _values(content: str, variables: Mapping[str, str]) -> list[VariableSpan]:
    """The last place of each value, the longest value first; none inside another."""
    found: list[VariableSpan] = []
    for name, value in sorted(variables.items(), key=lambda item: -len(item[1])):
        start = last_place(content, value) if len(value) >= _SHORTEST else -1
        end = start + len(value)
        if start >= 0 and all(end <= s.start or s.end <= start for s in found):
            found.append(VariableSpan(name=name, start=start, end=end))
    return sorted(found, key=lambda span: span.start)


def _with_names(content: str, spans: Sequence[VariableSpan]) -> str:
    text, at = "", 0
    for span in spans:
        text, at = f"{text}{content[at : span.start]}{{{span.name}}}", span.end
    return text + content[at:]


def _hash(template: str) -> str:
    return hashlib.sha256(template.encode("utf-8", "surrogatepass")).hexdigest()[:8]


_INPUTS = ("input.value", "langfuse.observation.input", "mlflow.spanInputs", "gen_ai.prompt")
_TASK = "traceloop.entity.input"


class Rendered(NamedTuple):
    """A span that rendered a template."""

    span: Span
    template: Template


def templates_in(spans: Sequence[Span]) -> list[Rendered]:
    """The spans of a trace that rendered a template, those that ended last first."""
    found = []
    for span in spans:
        if "PromptTemplate" in span.name and (template := _rendered_template(span)):
            found.append(Rendered(span, template))
    return sorted(found, key=lambda one: -one.span.end_ns)


def with_template(call: Call, spans: Mapping[str, Span], rendered: Sequence[Rendered]) -> Call:
    """The call with the template that was rendered last before it, under the same span."""
    if call.prompts:
        return call
    parent = spans[call.span_id].parent_id
    for one in rendered:
        if one.span.parent_id == parent and one.span.end_ns <= call.start_ns:
            prompts = find_prompts(one.template, call.messages, call.name)
            return call.model_copy(update={"prompts": prompts}) if prompts else call
    return call


def _rendered_template(span: Span) -> Template | None:
    a = span.attributes
    try:
        variables = next((v for name in _INPUTS if (v := texts_of(read_object(a.get(name))))), {})
        if not variables:
            variables = texts_of(read_object(read_object(a.get(_TASK)).get("inputs")))
    except ForeignDataError:  # JSON beyond the bounds
        return None
    return Template(variables=variables) if variables else None


LINKED = "mlflow.linkedPrompts"
_MOST_LINKED = 20
"""The most prompts of one trace."""


def linked_in(spans: Iterable[Span]) -> Mapping[str, Sequence[Template]]:
    """The prompts linked to spans of a trace, by the span's id."""
    return {
        span.span_id: linked
        for span in spans
        if LINKED in span.attributes and (linked := _linked(span.attributes[LINKED]))
    }


def with_linked_prompts(
    call: Call, around: Sequence[Span], linked: Mapping[str, Sequence[Template]]
) -> Call:
    """The call with the linked prompts whose templates stand in its messages.

    A single prompt without a known template gives its name and version to the template that was
    found otherwise, or to the call's first text. `around`: the call's span and those around it. If
    none of them has a prompt, any span of the trace may have loaded it.
    """
    if not linked:
        return call
    near = [one for span in around for one in linked.get(span.span_id, ())]
    wanted = near or [one for some in linked.values() for one in some]
    candidates = list({(one.name, one.version): one for one in wanted}.values())[:_MOST_LINKED]
    found = tuple(
        use
        for one in candidates
        if one.text is not None
        for use in find_prompts(one, call.messages, call.name)
    )
    if not found and len(candidates) == 1 and candidates[0].text is None:
        found = _named(call, candidates[0])
    return call.model_copy(update={"prompts": found}) if found else call


def _named(call: Call, linked: Template) -> tuple[PromptUse, ...]:
    name, version = linked.name or call.name, linked.version or ""
    if len(call.prompts) == 1:
        return (call.prompts[0].model_copy(update={"name": name, "version": version}),)
    return find_prompts(linked, call.messages, call.name)


def _linked(value: JSON) -> list[Template]:
    try:
        read = read_json(value)
        items = read_list(read)  # the attribute may be JSON of the text, which is JSON itself
    except ForeignDataError:
        return []
    return [one for item in items[:_MOST_LINKED] if (one := _linked_template(item)) is not None]


def _linked_template(item: JSON) -> Template | None:
    if not isinstance(item, dict):
        return None
    name, version = read_text(item.get("name")), item.get("version")
    if name is None or not isinstance(version, str | int):
        return None
    return Template(name, str(version), read_text(item.get("template")))
