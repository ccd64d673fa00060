"""Cases that are given in a file beside a prompt, as calls that were never made."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from smile_trace._guards import foreign
from smile_trace._text.prompts import VARIABLE, length, render
from smile_trace.errors import SmileTraceError, file_errors
from smile_trace.records import JSON, Call, Message, PromptUse

MOST_BYTES, MOST_CASES = 5_000_000, 1000
MOST_CHARACTERS = 50_000_000
"""Of all cases' texts: a template may hold a variable many thousand times."""
USER = "user"
"""The member of a case that is the question beside a template which is a system prompt."""


def read_cases(file: Path) -> list[dict[str, str]]:
    """The values of each case: lines of JSON objects, whose members are texts, numbers or yes/no.
    Raises SmileTraceError for anything else, with the line."""
    with file_errors(file, "read"):
        if file.is_symlink() or file.stat().st_size > MOST_BYTES:
            raise SmileTraceError(f"{file} is a link, or larger than 5 MB: it is not read")
        lines = file.read_bytes().splitlines()
    return [_values(file, k, line) for k, line in enumerate(lines, 1) if line.strip()][:MOST_CASES]


def _values(file: Path, number: int, line: bytes) -> dict[str, str]:
    try:
        found = foreign.decode(line)
    except ValueError:
        found = None
    members = found.items() if isinstance(found, dict) else [("", None)]
    if not all(isinstance(value, str | int | float | bool) for _, value in members):
        raise SmileTraceError(
            f"{file}, line {number}: write the values of the template's variables, such as "
            '{"question": "When do you open?"}'
        )
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in members}


def as_calls(
    name: str,
    cases: Iterable[Mapping[str, str]],
    templates: Sequence[str],
    model: str,
    parameters: Mapping[str, JSON],
) -> list[Call]:
    """The calls that the cases with values for the variables of all `templates` would be, the first
    of which they are rendered with; without those that would be too long."""
    wanted = {variable for template in templates for variable in VARIABLE.findall(template)}
    found, left = list[Call](), MOST_CHARACTERS
    for values in cases:
        if wanted <= values.keys():
            size = sum(length(template, values) for template in templates)
            if size <= left:
                left -= size
                found.append(_call(name, values, templates[0], wanted, model, parameters))
    return found


def _call(
    name: str,
    values: Mapping[str, str],
    template: str,
    wanted: Set[str],
    model: str,
    parameters: Mapping[str, JSON],
) -> Call:
    text = render(template, values)
    beside = USER in values and USER not in wanted
    asked = [Message(role=USER, content=values[USER])] if beside else []
    digest = hashlib.sha256(json.dumps([name, values], sort_keys=True).encode()).hexdigest()
    use: dict[str, Any] = {
        "name": name,
        "version": "case",
        "template": template,
        "variables": dict(values),
    }
    return Call(
        trace_id=digest[:32],
        span_id=digest[32:48],
        name=name,
        messages=(Message(role="system" if beside else USER, content=text), *asked),
        model=model,
        parameters=dict(parameters),
        start_ns=0,
        end_ns=0,
        prompts=(PromptUse(**use, message=0, start=0, end=len(text)),),
    )
