"""Prompts from files of other tools: JSON Lines, promptfoo's results, MLflow's data sets."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from smile_trace._guards import foreign
from smile_trace.errors import SmileTraceError, file_errors
from smile_trace.records import JSON

_PROMPTS = ("messages", "prompt", "input", "question", "query")
_ANSWERS = ("answer", "output", "response")


class Asked(NamedTuple):
    """A prompt (a text, or chat messages), and the answer if the file has one."""

    prompt: str | list[JSON]
    answer: str | None


def read_prompts(file: Path) -> Iterator[Asked]:
    """Yield the prompts of a file, by its form.

    JSON Lines: a text a line, or an object with `messages`, `prompt`, `input`, `question` or
    `query`, and perhaps `answer`, `output` or `response`; an MLflow evaluation data set has these
    in `inputs` and `outputs`. One JSON document: promptfoo's results (`eval -o file.json`), or a
    list of such objects. Raises SmileTraceError if the file cannot be read, or an item holds no
    prompt.
    """
    with file_errors(file, "read"):
        data = file.read_bytes()
    for number, item in _items(file, data):
        try:
            yield _asked(item)
        except foreign.MISREAD as error:
            raise SmileTraceError(f"{file}, item {number}: {error}") from None


def _items(file: Path, data: bytes) -> Iterator[tuple[int, JSON]]:
    try:
        whole = foreign.decode(data)
    except foreign.ForeignDataError:
        lines = [line for line in data.splitlines() if line.strip()]
        for number, line in enumerate(lines, start=1):
            try:
                yield number, foreign.decode(line)
            except foreign.ForeignDataError as error:
                raise SmileTraceError(f"{file}, line {number}: {error}") from None
        return
    yield from enumerate(_listed(whole), start=1)


def _listed(whole: JSON) -> list[JSON]:
    """Unnest promptfoo's `results`; anything else is one item, or a list of them."""
    while isinstance(whole, dict) and isinstance(whole.get("results"), dict | list):
        whole = whole["results"]
    return whole if isinstance(whole, list) else [whole]


def _asked(item: JSON) -> Asked:
    if isinstance(item, str):
        return Asked(item, None)
    inputs = item["inputs"] if isinstance(item.get("inputs"), dict) else item
    prompt = next((inputs[name] for name in _PROMPTS if inputs.get(name)), None)
    if isinstance(prompt, dict):  # promptfoo: {"raw": …, "label": …}
        prompt = prompt.get("raw")
    if isinstance(prompt, str) and prompt.lstrip().startswith("[{"):
        prompt = _messages(prompt)  # promptfoo writes chats as JSON text
    if not isinstance(prompt, str | list):
        raise ValueError(f"it has none of {', '.join(_PROMPTS)}")
    outputs = item.get("outputs", item)
    return Asked(prompt, outputs if isinstance(outputs, str) else _answer(outputs))


def _messages(text: str) -> JSON:
    try:
        return foreign.decode(text)
    except foreign.ForeignDataError:
        return text


def _answer(item: JSON) -> str | None:
    for name in _ANSWERS:
        found = item.get(name)
        if isinstance(found, dict):  # promptfoo: {"output": …}
            found = found.get("output")
        if isinstance(found, str):
            return found
    return None
