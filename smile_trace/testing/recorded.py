"""A model whose answers are recorded once, so that tests of prompts cost nothing."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from smile_trace._guards import foreign
from smile_trace.models import Capabilities, Model, ModelUnavailable, Request
from smile_trace.records import JSON, Response


class RecordedModel:
    """Answers from a file; answers missing in it are asked of `model` and added to it.

    Put the file under version control with the test. A changed prompt asks only for new answers.

    Args:
        file: JSON lines; created when the first answer is recorded.
        model: a name from the settings, a Model or a function, asked for answers missing in the
            file. Without it a missing answer raises ModelUnavailable, as a test in CI needs.
        deterministic: whether the recorded model is deterministic; saves replicates.
    """

    identity = None  # answers are kept in the file alone
    capabilities = Capabilities()

    def __init__(
        self,
        file: str | Path,
        model: str | Model | Callable[[str], Any] | None = None,
        *,
        deterministic: bool = True,
    ) -> None:
        self._file = Path(file)
        self._given = model
        self._deterministic = deterministic
        self._known = _read(self._file)
        self.name = f"recorded in {self._file.name}"

    def deterministic(self, parameters: dict[str, JSON]) -> bool:
        """Whether the recorded model is deterministic."""
        return self._deterministic

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Give recorded answers, and the model's for the rest.

        Raises:
            ModelUnavailable: an answer is not recorded, and there is no model to ask.
        """
        missing = {key: r for r in requests if (key := _key(r)) not in self._known}
        if missing:
            await self._record(missing)
        return [Response(text=self._known[_key(request)]) for request in requests]

    async def aclose(self) -> None:
        """Close nothing: the caller owns the model."""

    async def _record(self, missing: dict[str, Request]) -> None:
        from smile_trace.explaining.preparation import open_any
        from smile_trace.settings import Settings

        if self._given is None:
            raise ModelUnavailable(
                f"{len(missing)} answers are not in {self._file}: run this once with "
                "RecordedModel(file, model=…) and commit the file",
                permanent=True,
            )
        model = open_any(self._given, Settings())
        responses = await model.generate(list(missing.values()))
        for key, response in zip(missing, responses, strict=True):
            if not response.ok:
                raise ModelUnavailable(f"nothing was recorded: {response.failure}")
            self._known[key] = response.text or ""
        await asyncio.to_thread(self._append, missing)

    def _append(self, missing: dict[str, Request]) -> None:
        with self._file.open("a", encoding="utf-8") as stream:
            for key, request in missing.items():
                sent = [message.identity for message in request.messages]
                entry = {"key": key, "messages": sent, "answer": self._known[key]}
                stream.write(json.dumps(entry) + "\n")


def _key(request: Request) -> str:
    """Hash what decides an answer: form, parameters without the seed, messages, replicate."""
    parameters = {name: value for name, value in request.parameters.items() if name != "seed"}
    messages = [message.identity for message in request.messages]
    content = [request.form, parameters, messages, request.replicate]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=repr).encode()).hexdigest()


def _read(file: Path) -> dict[str, str]:
    """Read the answers by key; a malformed line raises ValueError."""
    if not file.exists():
        return {}
    known: dict[str, str] = {}
    for number, line in enumerate(file.read_bytes().splitlines(), start=1):
        try:
            entry = foreign.decode(line)
            known[_text(entry["key"])] = _text(entry["answer"])
        except (ValueError, KeyError, TypeError):
            raise ValueError(
                f"{file}, line {number} is not a recording: delete the line and record it again"
            ) from None
    return known


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
