"""Segments, the perturbations of a request, and the responses to them."""

import hashlib
import json
import math
from functools import cached_property
from typing import Literal

from smile_trace._guards.presentable import unpunctuated
from smile_trace.records.base import Record
from smile_trace.records.call import Usage
from smile_trace.records.formats.reasoning import untagged
from smile_trace.records.message import Message

Unit = Literal[
    "auto",
    "word",
    "sentence",
    "message",
    "variable",
    "section",
    "example",
    "document",
    "tool",
    "tool_result",
    "media",
    "reasoning",
    "cell",
    "turn",
    "step",
    "span",
]
"""The unit that is removed at a time. A study may be asked for `auto`; no segment has it."""

Place = tuple[int, int, int]
"""Characters `[start, end)` of a message: (message, start, end)."""


class Segment(Record):
    """A piece of a prompt that can be removed (ablated): `messages[message].content[start:end]`.

    `also` are further places removed together with it (the reply of an example that is a pair of
    messages, say), in order. `key` is the same in every call of a template. `parent` is the index
    of the coarser segment (its sentence, say) in the same list. A protected segment is never
    removed.
    """

    text: str
    message: int
    role: str
    start: int
    end: int
    unit: Unit
    key: str
    parent: int | None = None
    protected: bool = False
    also: tuple[Place, ...] = ()
    title: str | None = None
    """The name of a retrieved document (`titles.document_name`)."""

    @property
    def name(self) -> str:
        """The text without the punctuation of the sentence, or the tags, around it."""
        return unpunctuated(untagged(self.text) if self.unit == "reasoning" else self.text)

    @property
    def places(self) -> tuple[Place, ...]:
        """All places that are removed with the segment, in order."""
        return (self.message, self.start, self.end), *self.also


PerturbationKind = Literal[
    "baseline",
    "random",
    "enumerated",
    "leave_one_out",
    "chosen",
    "sparse",
    "confirming",
    "correcting",
]
"""`chosen`: a mask made from the proxy's responses to other masks. `sparse`: a mask that retains a
fifth, asked if nothing moved. `confirming`: a mask that confirms a pair of segments. `correcting`:
a removal that may make a wrong answer right; its partition holds the removed segments alone. The
last three are in no estimate."""

Asked = Literal["target", "proxy"]
"""The model whose answer is explained, or the cheaper model asked in its place."""


class Perturbation(Record):
    """A keep-mask and the exact messages that were sent for it.

    `mask[i]` is True if unit i of the partition `level` was retained (0: the partition perturbed
    first; finer ones follow in long prompts). `keep_probability` is that of a random mask's
    independent draws; None for fixed rows, which the tests do not use. `fixed` lists units that
    could not vary in this row (a mask that would retain nothing is drawn again): their estimate and
    test skip the row.
    """

    kind: PerturbationKind
    mask: tuple[bool, ...]
    messages: tuple[Message, ...]
    keep_probability: float | None = None
    replicate: int = 0
    level: int = 0
    round: int = 0
    fixed: tuple[int, ...] = ()
    asked: Asked = "target"

    @cached_property
    def text_hash(self) -> str:
        """SHA-256 (hex) of the exact messages, for the store and the audit."""
        sent = json.dumps([m.identity for m in self.messages], ensure_ascii=False)
        return hashlib.sha256(sent.encode("utf-8", "surrogatepass")).hexdigest()


class Response(Record):
    """The response to one request: a text, or a failure, which is missing data. `logprobs` are
    natural-log probabilities: after `generate`, of the generated tokens (`tokens`), if the server
    gives them; after `score`, of the given answer's tokens (without `tokens`, no part of the answer
    can be explained alone)."""

    text: str | None = None
    tokens: tuple[str, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    likeliest_by: float | None = None
    """After `score`: the largest gap, in nats, between the model's likeliest token and the
    answer's; 0 if greedy decoding would give the answer. None if unknown."""
    reasoning: str | None = None
    """The model's reasoning before the answer, which `text` does not hold; None without any."""
    limit: int | None = None
    """The raised limit in tokens with which it was asked (`MeteredModel.generate`), None for the
    request's own."""
    requests: int = 1
    """How many requests it took: two if the first was cut before the answer."""
    failure: str | None = None
    usage: Usage | None = None
    finish_reason: str | None = None
    cached: bool = False
    usd: float | None = None
    """The price of this response in US dollars; None if unknown."""

    @property
    def ok(self) -> bool:
        """Whether there is an answer (an empty text is one)."""
        return self.failure is None

    @property
    def finite(self) -> bool:
        """Whether all its numbers are finite: JSON, and so the cache, has no form for infinity."""
        numbers = (*(self.logprobs or ()), self.likeliest_by or 0.0, self.usd or 0.0)
        return all(map(math.isfinite, numbers))
