"""Prompts of MLflow's registry as Prompts whose renderings are found in what was sent."""

import re
from typing import TYPE_CHECKING

from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace import Prompt

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")


def load_prompt(uri: str) -> "Prompt":
    """The prompt of an address such as `prompts:/name/2` or `prompts:/name@production`.

    MLflow writes variables as `{{name}}`, a Prompt as `{name}`.

    Raises:
        SmileTraceError: it is a chat prompt, or its text would change its meaning.
        MlflowException: the registry has none of that address.
    """
    import mlflow

    from smile_trace import Prompt

    loaded = mlflow.genai.load_prompt(uri)
    if not isinstance(loaded.template, str):
        raise SmileTraceError(
            f"{uri} is a chat prompt: load its messages with mlflow.genai.load_prompt, and make a "
            "smile_trace.Prompt of the message that holds the variables."
        )
    return Prompt(loaded.name, version=str(loaded.version), template=single_braces(loaded.template))


def single_braces(template: str) -> str:
    """`{{name}}` as `{name}`; every other brace is text in both."""
    return _VARIABLE.sub(r"{\1}", template)
