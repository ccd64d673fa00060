"""Variables of a template that a span of its own rendered, beside the call (LangChain's)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.dialects.attributes import read_object
from smile_trace.dialects.templates import Template, find_prompts, texts_of
from smile_trace.records import Call, Span

_INPUTS = ("input.value", "langfuse.observation.input", "mlflow.spanInputs", "gen_ai.prompt")
_TASK = "traceloop.entity.input"


class Rendered(NamedTuple):
    """A span that rendered a template, and its variables."""

    span: Span
    template: Template


def templates_in(spans: Sequence[Span]) -> list[Rendered]:
    """The spans of a trace that rendered a template, those that ended last first."""
    found = []
    for span in spans:
        if "PromptTemplate" in span.name and (template := _template(span)):
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


def _template(span: Span) -> Template | None:
    a = span.attributes
    try:
        variables = next((v for name in _INPUTS if (v := texts_of(read_object(a.get(name))))), {})
        if not variables:
            variables = texts_of(read_object(read_object(a.get(_TASK)).get("inputs")))
    except ForeignDataError:  # JSON beyond the bounds
        return None
    return Template(variables=variables) if variables else None
