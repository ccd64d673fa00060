"""The Model protocol: something that answers and, where it declares so, scores a given answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard

from smile_trace._guards.presentable import presentable
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records import JSON, Form, Message, Prompted, Record, Response
from smile_trace.records.formats.requests import OFFERED


class Request(Record):
    """One thing to ask: exact messages, the parameters of the original call, and which draw."""

    messages: tuple[Message, ...]
    form: Form = "chat"
    parameters: dict[str, JSON] = {}
    replicate: int = 0
    answer_limit: int | None = None
    """Tokens that the answer may have where `parameters` set no limit; None for the limit of the
    model's settings."""
    prefilled: bool = False
    """The unperturbed messages end with the assistant's: the answer continues it."""

    @classmethod
    def of(cls, prompted: Prompted) -> "Request":
        """The request for the unperturbed prompt."""
        return cls(
            messages=prompted.messages,
            form=prompted.form,
            parameters=prompted.parameters,
            answer_limit=prompted.answer_limit,
            prefilled=is_prefilled(prompted.messages),
        )


def is_prefilled(messages: Sequence[Message]) -> bool:
    """Whether the last message that is sent is the assistant's, which the answer continues."""
    sent = [message.role for message in messages if message.role != OFFERED]
    return sent[-1:] == ["assistant"]


@dataclass(frozen=True)
class Capabilities:
    """What a model can do. A model declares it; nothing is inferred from its methods."""

    scores_answers: bool = False
    """It is a `ScoringModel`: it has `score`."""
    first_token_only: bool = False
    """`score` gives the log-probability of the answer's first token only."""
    calls_function: bool = False
    """It calls the application's function again: the prompt is that function's argument."""
    asks_responses: bool = False
    """It asks a call of OpenAI's Responses API in that API; another one, with chat messages."""
    remote: bool = False
    """Somebody else's machine answers: temperature 0 alone does not make it deterministic."""
    meters_attempts: bool = False
    """It has `with_meter` and reserves every HTTP attempt with its cost bound, so that caps in
    tokens and US dollars hold. A request to another model is reserved as one call."""

    counts_tokens: bool = False
    """It is a `TokenCountingModel`: it has `count_tokens`."""

    @property
    def scores_whole_answers(self) -> bool:
        """Whether `score` gives the log-probabilities of all tokens of the answer."""
        return self.scores_answers and not self.first_token_only


class Model(Protocol):
    """Something that answers; how to write one: `docs/contributing/model.md`."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def identity(self) -> str | None:
        """Which weights answer (address and model name): part of the key under which answers are
        cached. None: its answers are not reused by another explanation."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def deterministic(self, parameters: dict[str, JSON]) -> bool:
        """Whether the same request gives the same answer; False also means "unknown"."""
        ...

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One answer per request, in their order. A failed request is a Response with `failure`.

        Raises:
            ModelUnavailable: nothing can be asked at all (server gone, key refused).
        """
        ...

    async def aclose(self) -> None:
        """Close connections and processes."""
        ...


class ScoringModel(Model, Protocol):
    """A model that also gives the log-probabilities of a given answer's tokens."""

    async def score(self, requests: Sequence[Request], answer: str) -> list[Response]:
        """Per request a Response whose `logprobs` are those of `answer`'s tokens (natural log).

        Its `text` is the given answer: nothing was generated freely.
        """
        ...


def scores_answers(model: Model) -> TypeGuard[ScoringModel]:
    """Whether the model declares that it scores given answers."""
    return model.capabilities.scores_answers


class TokenCountingModel(Model, Protocol):
    """A model that also counts the tokens of a request, without answering it."""

    async def count_tokens(self, requests: Sequence[Request]) -> list[int]:
        """The input tokens of each request, as its own tokenizer counts them.

        Raises:
            ModelUnavailable: nothing can be asked at all.
        """
        ...


def counts_tokens(model: Model) -> TypeGuard[TokenCountingModel]:
    """Whether the model declares that it counts tokens."""
    return model.capabilities.counts_tokens


def checked(response: Response, *, scored: bool) -> Response:
    """The response without log-probabilities that are no finite numbers, its failure presentable.

    Args:
        response: a model's.
        scored: whether it is the score of a given answer, which is then missing data.
    """
    if response.failure is not None:
        return response.model_copy(update={"failure": presentable(response.failure)})
    if response.finite:
        return response
    if scored:
        failure = 'the log-probabilities are not finite numbers: use the signal "text"'
        return Response(failure=failure, usage=response.usage)
    return response.model_copy(
        update={"tokens": None, "logprobs": None, "likeliest_by": None, "usd": None}
    )


class ModelUnavailable(SmileTraceError):
    """The model cannot be asked at all; the message says what to do.

    `permanent` is True where only a person can correct it (a refused key, an unknown model).
    `model` is its name in the settings, where it is another one than the model that was asked
    (its proxy, its word vectors).
    """

    code = ReasonCode.MODEL_UNAVAILABLE

    def __init__(self, message: str, *, permanent: bool = False, model: str | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.model = model


class NotRepeatable(ModelUnavailable):
    """This one call cannot be made again, whoever is asked; other calls of the model can."""

    code = ReasonCode.NOT_REPEATABLE

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)
