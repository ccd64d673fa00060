"""Prompt templates that instrumentors wrote: found again in the messages.

Where the template's text is known, its rendering is looked for, or the text itself around unknown
values. Where only the values of its variables are known, the template is the message that holds
them with `{name}` in their places. A template without a name is called after its span; one
without a version has a hash of its text.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from smile_trace._text.places import last_place
from smile_trace.dialects.filled_in import FIELD, MOST_FIELDS, filled_in
from smile_trace.records import JSON, Message, PromptUse, VariableSpan

_SHORTEST = 3
"""Characters of a value by which it is recognised in a message, without the template's text."""
_MOST = 50
"""Variables of one template."""


@dataclass(frozen=True)
class Template:
    """What stands in a span of it."""

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
    """Where the template stands in the messages; nothing where it does not.

    Only a message of one text can hold it.
    """
    found: list[tuple[int, str, int, int, list[VariableSpan], bool]] = []
    single = [(n, m.content) for n, m in enumerate(messages) if len(m.slots) == 1 and m.content]
    variables = dict(template.variables)
    if template.text is not None and not variables and FIELD.search(template.text):
        for number, content in reversed(single):
            if (place := filled_in(template.text, content)) is not None:
                start, end, spans = place
                variables = {span.name: content[span.start : span.end] for span in spans}
                found.append((number, template.text, start, end, spans, False))
                break
    elif template.text is not None:
        longest = max((len(content) for _, content in single), default=0)
        text, spans = _rendered(template.text, template.variables, longest)
        for number, content in reversed(single):
            if text and (start := last_place(content, text)) >= 0:
                moved = [s.model_copy(update=_moved(s, start)) for s in spans]
                again = content.count(text) > 1
                found = [(number, template.text, start, start + len(text), moved, again)]
                break
    elif template.variables:
        for number, content in single:
            if spans := _values(content, template.variables):
                written = _with_names(content, spans)
                found.append((number, written, 0, len(content), spans, False))
    elif template.name is not None and single:
        number, content = single[0]
        found = [(number, content, 0, len(content), [], False)]
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
        for number, text, start, end, spans, again in found
    )


def _rendered(
    template: str, variables: Mapping[str, str], longest: int
) -> tuple[str, list[VariableSpan]]:
    """The text with its variables and their places; nothing where it is longer than any message,
    as a few short fields of a long value are."""
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
