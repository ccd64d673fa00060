"""Prompts of MLflow's registry as Prompts whose renderings are found in what was sent."""

import re
from typing import TYPE_CHECKING

from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace import Prompt

_VARIABLE = re.compile(r"\{\{\s*([a-zA-Z_]\w*(?:\.\w+)*)\s*\}\}", re.ASCII)
_LOOKS_LIKE_ONE = re.compile(r"\{[^\W\d]\w*\}")


def load_prompt(uri: str) -> "Prompt":
    """The prompt of an address such as `prompts:/name/2` or `prompts:/name@production`.

    MLflow writes variables as `{{name}}`, a Prompt as `{name}`. Traces that use the Prompt are
    linked to its version in the registry.

    Raises:
        SmileTraceError: it is no plain text template, or means something else as a Prompt.
        MlflowException: the registry has none of that address.
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
    """A template of the registry in a Prompt's notation: `{{name}}` becomes `{name}`.

    Raises:
        ValueError: it uses Jinja2 or dotted names, or has a `{name}` that is text in MLflow.
    """
    if "{%" in registered or "{#" in registered:
        raise ValueError("it is a Jinja2 template")
    dotted = [name for name in _VARIABLE.findall(registered) if "." in name]
    if dotted:
        raise ValueError(f"the variable {dotted[0]} has a dot in its name")
    if text := _LOOKS_LIKE_ONE.search(_VARIABLE.sub("", registered)):
        raise ValueError(f"{text[0]} is text in MLflow and would become a variable")
    return _VARIABLE.sub(r"{\1}", registered)
