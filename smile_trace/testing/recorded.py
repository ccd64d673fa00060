"""A model whose answers are recorded once, so that tests of prompts cost nothing."""

import asyncio
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_trace._guards import foreign
from smile_trace.models import Capabilities, Model, ModelUnavailable, Request
from smile_trace.records import JSON, Response

if TYPE_CHECKING:
    from smile_trace.settings import Settings


class NotRecorded(ModelUnavailable):
    """Answers are not in the file, and there is no model to ask. `missing` says how many."""

    def __init__(self, count: int, file: Path) -> None:
        self.missing = f"{count} answer{' is' if count == 1 else 's are'} not in {file}"
        super().__init__(
            f"{self.missing}: run this once with RecordedModel(file, model=…) and commit the file",
            permanent=True,
        )


class RecordedModel:
    """Answers from a file; answers missing in it are asked of `model` and added to it.

    Put the file under version control with the test. A changed prompt asks only for new answers,
    which are added together or not at all; several processes may add to a file.

    Args:
        file: JSON lines; created when the first answer is recorded.
        model: a name from the settings, a Model or a function, asked for answers missing in the
            file. Without it a missing answer raises ModelUnavailable, as a test in CI needs.
        deterministic: whether the recorded model is deterministic; saves replicates.
        settings: by default those of the environment and the nearest `smile_trace.toml`.
    """

    identity = None  # answers are kept in the file alone
    capabilities = Capabilities()

    def __init__(
        self,
        file: str | Path,
        model: str | Model | Callable[[str], Any] | None = None,
        *,
        deterministic: bool = True,
        settings: "Settings | None" = None,
    ) -> None:
        self._file = Path(file)
        self._settings = settings
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
            raise NotRecorded(len(missing), self._file)
        model = open_any(self._given, self._settings or Settings())
        responses = await model.generate(list(missing.values()))
        answers: dict[str, str] = {}
        for key, response in zip(missing, responses, strict=True):
            if not response.ok:
                raise ModelUnavailable(f"nothing was recorded: {response.failure}")
            answers[key] = response.text or ""
        await asyncio.to_thread(self._add, missing, answers)

    def _add(self, asked: dict[str, Request], answers: dict[str, str]) -> None:
        """Add what no other process has added meanwhile, whose answers are taken."""
        file = self._file.resolve()
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            written = file.read_bytes().splitlines() if file.exists() else []
            self._known |= _read(file)
            lines = [
                json.dumps(
                    {
                        "key": key,
                        "messages": [message.identity for message in request.messages],
                        "answer": answers[key],
                    }
                ).encode()
                for key, request in asked.items()
                if key not in self._known
            ]
            draft = file.with_name(f".{file.name}.draft")
            draft.write_bytes(b"\n".join([*written, *lines, b""]))
            os.replace(draft, file)
        finally:
            os.close(folder)
        self._known = answers | self._known


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
