"""What a model is: something that answers, and, where it can, scores a given answer."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records import JSON, Form, Message, Record, Response


class Request(Record):
    """One thing to ask: exact messages, the parameters of the original call, and which draw."""

    messages: tuple[Message, ...]
    form: Form = "chat"
    parameters: dict[str, JSON] = {}
    replicate: int = 0


class Model(Protocol):
    """Something that answers.

    `name` is what people call it. `identity` is the part of the cache key that says which
    weights answer (address and model name); None means answers are never kept across studies
    (a callable). `deterministic(parameters)` says whether the same request gives the same
    answer: False also means "unknown".
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str | None: ...

    @property
    def remote(self) -> bool:
        """Whether somebody else's machine answers (then temperature 0 is not trusted alone)."""
        ...

    def deterministic(self, parameters: dict[str, JSON]) -> bool: ...

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Answers in the order of the requests. A failed request is a Response with `failure`.

        Raises:
            ModelUnavailable: nothing can be asked at all (host gone, key refused).
        """
        ...

    async def aclose(self) -> None: ...


@runtime_checkable
class ScoringModel(Protocol):
    """A model that also gives the log-probabilities of a given answer's tokens."""

    async def score(self, requests: Sequence[Request], answer: str) -> list[Response]:
        """Per request a Response whose `logprobs` are those of `answer`'s tokens (natural log).

        `text` is the given answer: nothing was generated freely.
        """
        ...


class ModelUnavailable(SmileTraceError):
    """The model cannot be asked at all; the message says what to do.

    `permanent` is True where only a person can mend it (a refused key, an unknown model).
    `model` is its name in the settings, where it is another one than the model that was asked
    (its proxy, its word vectors).
    """

    code = ReasonCode.MODEL_UNAVAILABLE

    def __init__(self, message: str, *, permanent: bool = False, model: str | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.model = model
