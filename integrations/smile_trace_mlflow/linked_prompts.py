"""Prompts of MLflow's registry that are linked to a trace, with their templates beside them."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.dialects.attributes import read_json, read_list
from smile_trace.dialects.templates import LINKED
from smile_trace.records import JSON, Span
from smile_trace_mlflow.prompts import prompt_template

if TYPE_CHECKING:
    from mlflow.entities.model_registry import PromptVersion

    from smile_trace_mlflow.server import Server

MOST = 20
"""Prompts of one trace that are asked for."""


def with_templates(
    server: "Server", tags: Mapping[str, str], spans: Sequence[Span]
) -> tuple[Span, ...]:
    """The spans with the template of each prompt beside its name and version; at the root are
    those that were linked to the trace alone.

    Raises:
        TrackerUnavailable: the registry does not answer.
    """
    of_spans = {span.span_id: _linked(span.attributes.get(LINKED)) for span in spans}
    elsewhere = [item for items in of_spans.values() for item in items]
    roots = [span.span_id for span in spans if span.parent_id is None]
    for item in _linked(tags.get(LINKED)):
        if roots and item not in elsewhere:
            of_spans[roots[0]].append(item)
    return tuple(_with(span, server, of_spans[span.span_id][:MOST]) for span in spans)


def _linked(value: JSON) -> list[JSON]:
    try:
        return read_list(read_json(value))
    except ForeignDataError:
        return []


def _with(span: Span, server: "Server", linked: Sequence[JSON]) -> Span:
    if not linked:
        return span
    named = [_with_template(server, item) for item in linked]
    return span.model_copy(update={"attributes": {**span.attributes, LINKED: json.dumps(named)}})


def _with_template(server: "Server", item: JSON) -> JSON:
    if not isinstance(item, dict):
        return item
    name, version = item.get("name"), str(item.get("version"))
    held = server.prompt_version(name, version) if isinstance(name, str) else None
    text = None if held is None else _template(held)
    return item if text is None else {**item, "template": text}


def _template(held: "PromptVersion") -> str | None:
    """The template's text; of a chat prompt, that of the last message with a variable.

    None where it is none that a Prompt can have.
    """
    template = held.template
    if isinstance(template, str):
        texts = [template]
    else:
        texts = [str(m["content"]) for m in template if isinstance(m.get("content"), str)]
    try:
        written = [prompt_template(text) for text in texts]
    except ValueError:
        return None
    filled = [text for text, was in zip(written, texts, strict=True) if text != was]
    return next(reversed(filled or written), None)
