"""The Model protocol: a model answers and, if it declares so, scores a given answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard

from smile_trace._guards.presentable import presentable
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records import JSON, Form, Message, Prompted, Record, Response
from smile_trace.records.call import answer_limit, cut_at_limit
from smile_trace.records.formats.reasoning import apart, joined
from smile_trace.records.formats.requests import NEVER_SENT
from smile_trace.records.message import FIELD


class Request(Record):
    """One request: exact messages, the parameters of the original call, and the draw."""

    messages: tuple[Message, ...]
    form: Form = "chat"
    parameters: dict[str, JSON] = {}
    replicate: int = 0
    answer_limit: int | None = None
    """The most tokens of the answer if `parameters` set no limit; None for the settings' limit."""
    prefilled: bool = False
    """Whether the unperturbed messages end with the assistant's, which the answer continues."""

    @classmethod
    def of(cls, prompted: Prompted) -> "Request":
        """Return the request for the unperturbed prompt."""
        return cls(
            messages=prompted.messages,
            form=prompted.form,
            parameters=prompted.parameters,
            answer_limit=prompted.answer_limit,
            prefilled=is_prefilled(prompted.messages),
        )


def is_prefilled(messages: Sequence[Message]) -> bool:
    """Whether the last message sent is the assistant's, which the answer continues."""
    sent = [message.role for message in messages if message.role not in NEVER_SENT]
    return sent[-1:] == ["assistant"]


_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict")
"""The parameters that limit an answer; Ollama's stands among its `options`."""

_ROOM_TO_REASON = 1024
"""The least tokens of a raised limit: below, reasoning is cut again."""


def limit_of(request: Request) -> int:
    """Return the most tokens of its answer, 0 if the request does not say."""
    options = request.parameters.get("options")
    given = [
        where.get(name)
        for where in (request.parameters, options)
        for name in _LIMITS
        if isinstance(where, dict)
    ]
    known = [tokens for tokens in given if isinstance(tokens, int) and tokens > 0]
    return max(known, default=request.answer_limit or 0)


def raised_limit(request: Request, response: Response) -> int:
    """Return the limit with which a request is asked again whose response was cut before its
    answer: twice its own, and what the reasoning took."""
    own = limit_of(request)
    used = None if response.usage is None else response.usage.output_tokens
    taken = used or own or answer_limit(response.reasoning or "")
    return max(2 * own + taken, _ROOM_TO_REASON)


def with_limit(request: Request, tokens: int) -> Request:
    """Return the request with a larger limit of its answer, under the names that it used."""

    def raised(given: dict[str, JSON]) -> dict[str, JSON]:
        return {
            name: max(value, tokens) if name in _LIMITS and isinstance(value, int) else value
            for name, value in given.items()
        }

    parameters = raised(request.parameters)
    if isinstance(parameters.get("options"), dict):
        parameters["options"] = raised(parameters["options"])
    limit = max(tokens, request.answer_limit or 0)
    return request.model_copy(update={"parameters": parameters, "answer_limit": limit})


@dataclass(frozen=True)
class Capabilities:
    """The abilities of a model. A model declares them; nothing is inferred from its methods."""

    scores_answers: bool = False
    first_token_only: bool = False
    """`score` gives the log-probability of the answer's first token only."""
    calls_function: bool = False
    """The model calls the application's function again: the prompt is that function's argument."""
    asks_responses: bool = False
    """A call of OpenAI's Responses API is asked in that API, not with chat messages."""
    remote: bool = False
    """Somebody else's machine answers: temperature 0 alone does not make it deterministic."""
    meters_attempts: bool = False
    """The model has `with_meter` and reserves every HTTP attempt with its cost bound, so that caps
    in tokens and US dollars hold. A request to another model is reserved as one call."""

    counts_tokens: bool = False

    takes_reasoning: tuple[str, ...] = (FIELD,)
    """Keys in the `extra` of reasoning of earlier turns by which it is sent again; other reasoning
    is left out, with a note."""

    @property
    def scores_whole_answers(self) -> bool:
        """Whether `score` gives the log-probabilities of all tokens of the answer."""
        return self.scores_answers and not self.first_token_only


class Model(Protocol):
    """The interface of all models; how to write one: `docs/contributing/model.md`."""

    @property
    def name(self) -> str:
        """The model's name for people."""
        ...

    @property
    def identity(self) -> str | None:
        """The weights that answer (address and model name), part of the cache key. None: its
        answers are not reused by another explanation."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """The model's abilities."""
        ...

    def deterministic(self, parameters: dict[str, JSON]) -> bool:
        """Whether the same request gives the same answer; False also means "unknown"."""
        ...

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Return one answer per request, in order. A failed request is a Response with `failure`.

        Raises:
            ModelUnavailable: nothing can be asked at all (server gone, key or model refused).
            BudgetExceeded: a daily cap is reached (models that meter attempts only).
        """
        ...

    async def aclose(self) -> None:
        """Close connections and processes."""
        ...


class ScoringModel(Model, Protocol):
    """A model that also gives the log-probabilities of a given answer's tokens."""

    async def score(self, requests: Sequence[Request], answer: str) -> list[Response]:
        """Return, per request, a Response whose `text` is the given answer and whose `logprobs`
        (natural log) are those of its tokens."""
        ...


def scores_answers(model: Model) -> TypeGuard[ScoringModel]:
    """Whether the model declares that it scores given answers."""
    return model.capabilities.scores_answers


class TokenCountingModel(Model, Protocol):
    """A model that also counts the tokens of a request, without answering it."""

    async def count_tokens(self, requests: Sequence[Request]) -> list[int]:
        """Return the input tokens of each request, as the model's own tokenizer counts them. Raises
        ModelUnavailable if nothing can be asked at all."""
        ...


def counts_tokens(model: Model) -> TypeGuard[TokenCountingModel]:
    """Whether the model declares that it counts tokens."""
    return model.capabilities.counts_tokens


def checked(response: Response, *, scored: bool) -> Response:
    """Return the response without log-probabilities that are not finite, its failure presentable. A
    `scored` response with such numbers is a failure."""
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


def with_reasoning_apart(response: Response) -> Response:
    """Return the response without the reasoning at the beginning of its text."""
    found = apart(response.text or "")
    if not response.ok or (found.reasoning is None and found.answer == (response.text or "")):
        return response
    reasoning = joined(response.reasoning, found.reasoning)
    update = {"text": found.answer, "reasoning": reasoning, "tokens": None, "logprobs": None}
    return response.model_copy(update=update)


def cut_before_answer(request: Request, response: Response) -> bool:
    """Whether a response ended before its answer began: at its limit, or in its reasoning. White
    space that continues a text is an answer."""
    if not response.ok or (response.text or "").strip():
        return False
    if response.reasoning is not None:
        return True
    return request.form != "completion" and cut_at_limit(response.finish_reason)


def without_answer(response: Response, limit: int) -> Response:
    """Return a response that ended before its answer as what it is, a failure."""
    at = f"at the limit of {limit:,} tokens " if limit else ""
    failure = (
        f"its reply ended {at}while it was still reasoning, before the answer: raise the "
        "limit in the call's request, or max_tokens in the model's settings, or ask it to "
        "reason less"
    )
    return response.model_copy(update={"text": None, "failure": failure})


class ModelUnavailable(SmileTraceError):
    """The model cannot be asked at all; the message says what to do. `permanent`: only a person can
    correct it (a refused key, an unknown model). `model` is the name in the settings if the model
    that failed is not the one asked for (its proxy, its word vectors)."""

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


class ReasoningRefused(NotRepeatable):
    """The server does not take the reasoning of earlier turns back, for the reason that the message
    says; without it the call can be asked."""
