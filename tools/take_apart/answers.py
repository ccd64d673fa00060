"""The answers to a prompt without each combination of its parts, and what is made of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import smile_trace
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.demo.application import MODEL
from smile_trace.explaining.driver import wait_for
from smile_trace.models import Capabilities, Model, ModelUnavailable, Request
from smile_trace.records import JSON, Explanation, Message, Prompted, Record, Response, Segment
from tools.take_apart.prompts import Example

FILE = Path(__file__).parents[2] / "docs" / "take-apart" / "prompts.jsonl"


class Stored(Record):
    """A prompt, its parts in order, and every answer.

    Attributes:
        given: for each combination the number of its answer; None if nothing is left to send. Bit k
            of a combination's own number: part k is removed.
        answers: the different ones; the first is that to the whole prompt.
        changes: of each answer, the answer change from the first, in [0, 1].
        explanation: what `smile_trace.explain` says of the first, without its perturbations.
    """

    name: str
    prompted: Prompted
    parts: tuple[Segment, ...]
    given: tuple[int | None, ...]
    answers: tuple[str, ...]
    changes: tuple[float, ...]
    explanation: Explanation


def read() -> dict[str, Stored]:
    """What is stored, by the prompts' names."""
    lines = FILE.read_text(encoding="utf-8").splitlines() if FILE.exists() else []
    return {one.name: one for one in map(Stored.model_validate_json, lines)}


class Answered:
    """The model of the stored answers to an example's prompts, if these are still the same; where
    one is missing, `beside` is asked."""

    name = MODEL
    identity = None
    capabilities = Capabilities()

    def __init__(self, example: Example, stored: Stored | None, beside: Model | None) -> None:
        self._beside = beside
        self._known: dict[str, Response] = {}
        if stored is None or stored.prompted.parameters != example.prompted.parameters:
            return
        for number, answer in enumerate(stored.given):
            if answer is not None:
                sent = without(stored.prompted, stored.parts, number)
                self._known[_key(sent)] = Response(text=stored.answers[answer])

    def deterministic(self, parameters: Mapping[str, JSON]) -> bool:
        """Yes: the temperature is 0."""
        return True

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Return the answers. Raises ModelUnavailable: one is missing, and nobody can be asked."""
        for request in requests:
            if (key := _key(request.messages)) not in self._known:
                if self._beside is None:
                    raise ModelUnavailable("an answer is missing: run python -m tools.take_apart")
                [self._known[key]] = await self._beside.generate([request])
        return [self._known[_key(request.messages)] for request in requests]

    async def aclose(self) -> None:
        """Close nothing: the caller owns the model."""


def made(example: Example, model: Model) -> Stored:
    """Ask for every answer, compare them with the first, and explain that.

    Raises:
        ModelUnavailable: something is not answered.
    """
    prompted = example.prompted
    found = Segmentation(prompted, example.spans).segments
    parts = tuple(part for part in found if not part.protected)
    given = [_answer(prompted, parts, number, model) for number in range(2 ** len(parts))]
    answers = [*dict.fromkeys(answer for answer in given if answer is not None)]
    explanation = smile_trace.explain(
        prompted.messages,
        model=model,
        parameters=prompted.parameters,
        unit=example.spans,
        signal="text",
    )
    return Stored(
        name=example.name,
        prompted=prompted,
        parts=parts,
        given=tuple(None if answer is None else answers.index(answer) for answer in given),
        answers=tuple(answers),
        changes=tuple(round(smile_trace.answer_change(answers[0], one), 3) for one in answers),
        explanation=explanation.model_copy(update={"perturbations": ()}),
    )


def without(prompted: Prompted, parts: Sequence[Segment], number: int) -> tuple[Message, ...]:
    """The messages without the parts of a combination; none if nothing would be left."""
    kept = [not number >> k & 1 for k in range(len(parts))]
    perturber = Perturber(prompted, parts)
    return perturber.messages(kept) if perturber.sendable(kept) else ()


def _answer(prompted: Prompted, parts: Sequence[Segment], number: int, model: Model) -> str | None:
    sent = without(prompted, parts, number)
    if not sent:
        return None
    request = Request.of(prompted.model_copy(update={"messages": sent}))
    [response] = wait_for(model.generate([request]))
    if response.text is None:
        raise ModelUnavailable(f"not answered: {response.failure}")
    return response.text


def _key(messages: Sequence[Message]) -> str:
    return repr([message.identity for message in messages])
