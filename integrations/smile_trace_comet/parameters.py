"""Metadata as the short, flat parameters that Comet shows."""

import json
from collections.abc import Mapping

from smile_trace.records import JSON

PARAMETER_CHARACTERS = 500
"""A parameter is a column of the project's list; the whole text stands in the trace itself."""


def flat_parameters(metadata: Mapping[str, JSON]) -> dict[str, JSON]:
    """Nested metadata as dotted parameters, as comet_llm flattens it; None is left out.

    comet_llm's own flattening fails where a dotted and a nested name collide; here the later
    one wins. Lists become JSON, long texts are cut.
    """
    parameters: dict[str, JSON] = {}
    for key, value in metadata.items():
        if isinstance(value, Mapping):
            for inner, leaf in flat_parameters(value).items():
                parameters[f"{key}.{inner}"] = leaf
        elif value is not None:
            parameters[key] = _leaf(value)
    return parameters


def _leaf(value: JSON) -> JSON:
    if isinstance(value, list | tuple):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and len(value) > PARAMETER_CHARACTERS:
        return value[: PARAMETER_CHARACTERS - 1] + "…"
    return value
