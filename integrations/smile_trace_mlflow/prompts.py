"""Prompts of MLflow's registry: loaded as Prompts, and their templates added to linked traces."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.dialects.attributes import read_json, read_list
from smile_trace.dialects.templates import LINKED
from smile_trace.errors import SmileTraceError
from smile_trace.records import JSON, Span

if TYPE_CHECKING:
    from mlflow.entities.model_registry import PromptVersion

    from smile_trace import Prompt
    from smile_trace_mlflow.server import Server

MOST = 20
"""Most prompts looked up for one trace."""

_VARIABLE = re.compile(r"\{\{\s*([a-zA-Z_]\w*(?:\.\w+)*)\s*\}\}", re.ASCII)
_LOOKS_LIKE_ONE = re.compile(r"\{[^\W\d]\w*\}")


def load_prompt(uri: str) -> "Prompt":
    """Load a prompt by an address such as `prompts:/name/2` or `prompts:/name@production`.

    MLflow writes variables as `{{name}}`, a Prompt as `{name}`. Traces that use the Prompt are
    linked to its version in the registry. Raises SmileTraceError if it is no plain text template,
    or means something else as a Prompt; MlflowException if the registry has no such prompt.
    """
    import mlflow

    from smile_trace import Prompt

    loaded = mlflow.genai.load_prompt(uri)
    if not isinstance(loaded.template, str):
        raise SmileTraceError(
            f"{uri} is a chat prompt: load it with mlflow.genai.load_prompt, and make a "
            "smile_trace.Prompt of the message that holds the variables."
        )
    try:
        template = prompt_template(loaded.template)
    except ValueError as error:
        raise SmileTraceError(
            f"{uri} cannot be a smile_trace.Prompt: {error}; change its text in the registry, or "
            "make a smile_trace.Prompt of your own."
        ) from None
    return Prompt(loaded.name, version=str(loaded.version), template=template)


def prompt_template(registered: str) -> str:
    """Convert a template of the registry to a Prompt's notation: `{{name}}` becomes `{name}`.
    Raises ValueError if it uses Jinja2 or dotted names, or has a `{name}` that is text in
    MLflow."""
    if "{%" in registered or "{#" in registered:
        raise ValueError("it is a Jinja2 template")
    dotted = [name for name in _VARIABLE.findall(registered) if "." in name]
    if dotted:
        raise ValueError(f"the variable {dotted[0]} has a dot in its name")
    if text := _LOOKS_LIKE_ONE.search(_VARIABLE.sub("", registered)):
        raise ValueError(f"{text[0]} is text in MLflow and would become a variable")
    return _VARIABLE.sub(r"{\1}", registered)


# -- linked to a trace ------------------------------------------------------------------------


def with_templates(
    server: "Server", tags: Mapping[str, str], spans: Sequence[Span]
) -> tuple[Span, ...]:
    """Add the template of each linked prompt to the spans; prompts linked to the trace alone go to
    the root. Raises `TrackerUnavailable` if the registry does not answer."""
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
    """Return the template (in a chat, the last with a variable); None if no Prompt can have it."""
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
