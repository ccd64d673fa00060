"""Versions of MLflow's prompt registry, read as the prompts of the calls that they were sent in.

`mlflow.linkedPrompts` stands on the span in which a prompt was loaded: names and versions. Where a
trace is read from MLflow, their templates stand beside them, and those that were linked to the
whole trace are at its root.

Source: mlflow 3.17, `tracking/_model_registry/fluent.py`, `tracing/utils/prompt.py`.
"""

from collections.abc import Iterable, Mapping, Sequence

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.dialects.attributes import read_json, read_list, read_text
from smile_trace.dialects.templates import Template, find_prompts
from smile_trace.records import JSON, Call, PromptUse, Span

LINKED = "mlflow.linkedPrompts"
_MOST = 20
"""Prompts of one trace."""


def linked_in(spans: Iterable[Span]) -> Mapping[str, Sequence[Template]]:
    """The prompts that are linked to each span of a trace that has some, by the span's id."""
    return {
        span.span_id: linked
        for span in spans
        if LINKED in span.attributes and (linked := _linked(span.attributes[LINKED]))
    }


def with_linked_prompts(
    call: Call, around: Sequence[Span], linked: Mapping[str, Sequence[Template]]
) -> Call:
    """The call with the linked prompts whose templates stand in its messages.

    Of a single one whose template is not known, the name and the version are those of the
    template that was found in the call otherwise, or of its first text.

    Args:
        around: the call's span, and those around it. Where none of them has a prompt, any span
            of the trace may have loaded it.
    """
    if not linked:
        return call
    near = [one for span in around for one in linked.get(span.span_id, ())]
    wanted = near or [one for some in linked.values() for one in some]
    candidates = list({(one.name, one.version): one for one in wanted}.values())[:_MOST]
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
    return [one for item in items[:_MOST] if (one := _template(item)) is not None]


def _template(item: JSON) -> Template | None:
    if not isinstance(item, dict):
        return None
    name, version = read_text(item.get("name")), item.get("version")
    if name is None or not isinstance(version, str | int):
        return None
    return Template(name, str(version), read_text(item.get("template")))
