"""`kind = "anthropic"`: Anthropic's Messages API.

Sources: Anthropic's API reference, "Create a Message", and "Handle tool calls"; the messages of its
refusals. What it refuses is never sent: a text without a letter, a tool result that does not come
first in the message behind its call, an error without a text, a conversation that begins or ends
with the assistant. Parameters of OpenAI's APIs are translated, unknown ones left out.
"""

import contextlib
import importlib.util
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from types import ModuleType
from typing import Any, ClassVar, Literal

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.dialects.parts import answer_of, read_message, reasoning_of
from smile_trace.models.base import (
    Capabilities,
    Model,
    ModelUnavailable,
    NotRepeatable,
    Request,
    checked,
)
from smile_trace.models.openai_wire import token_count
from smile_trace.models.transport import Batch, Item, ServerModel, Transport, price
from smile_trace.providers.anthropic import Anthropic
from smile_trace.records import (
    JSON,
    Call,
    Media,
    Message,
    OtherPart,
    Part,
    Prompted,
    Reasoning,
    Response,
    TextPart,
    ToolCall,
    ToolResult,
    Usage,
)
from smile_trace.records.blocks import are_blocks, block_text, is_document, with_block_text
from smile_trace.records.message import with_reasoning
from smile_trace.settings import ServerSettings


class AnthropicSettings(ServerSettings):
    """Anthropic's Messages API, asked by Anthropic's own client (`smile-trace[anthropic]`)."""

    sends: ClassVar[tuple[str, ...]] = ("ANTHROPIC_CUSTOM_HEADERS",)

    kind: Literal["anthropic"] = "anthropic"
    base_url: str = "https://api.anthropic.com"
    """The address before `/v1/messages`."""
    api_key_env: str | None = "ANTHROPIC_API_KEY"
    """The environment variable that holds the key."""

    def open(self, name: str, *, app: str | None = None, call: Call | None = None) -> Model:
        """Return the model, asked by Anthropic's client."""
        return AnthropicModel(name, self)

    def attempt_bound(self, name: str, prompted: Prompted) -> tuple[Usage, float | None]:
        """Return the tokens and price of the body that is sent."""
        bound = token_bound(body(Request.of(prompted), max_tokens=self.max_tokens))
        return bound, price(bound, self.model or name, self.base_url)


TABLE = AnthropicSettings

SIGNED = ("signature", "data")
"""The keys of which reasoning has one that this API takes back."""


class _Connection(Transport):
    @property
    def client(self) -> ModuleType:
        import anthropic

        return anthropic

    def _connect(self, **common: Any) -> Any:
        # The client traces itself, into the application's own traces.
        return self.client.AsyncAnthropic(
            api_key=self.key, open_telemetry=False, max_retries=0, **common
        )

    def _headers(self, body: Mapping[str, JSON]) -> Mapping[str, Any]:
        # A request with these was made under the older version: the newer one refuses them.
        older = any(name in body for name in SAMPLING)
        version = {"anthropic-version": "2023-06-01"} if older else {}
        return version | ({"anthropic-beta": ",".join(body["betas"])} if "betas" in body else {})

    def _bound(self, body: Mapping[str, JSON]) -> Usage:
        return token_bound(body)

    def _responses(self, reply: object, items: Sequence[Item]) -> list[Response]:
        return responses(reply, items)


class AnthropicModel(ServerModel):
    """One of Anthropic's models, by its captured name. Raises ModelUnavailable if the client is not
    installed, or the key's variable is not set."""

    server = _Connection
    capabilities = Capabilities(remote=True, meters_attempts=True, takes_reasoning=SIGNED)

    def __init__(self, name: str, settings: AnthropicSettings) -> None:
        if importlib.util.find_spec("anthropic") is None:
            raise ModelUnavailable(
                "a model of Anthropic's needs Anthropic's client: "
                "pip install 'smile-trace[anthropic]'",
                permanent=True,
            )
        super().__init__(name, settings)

    @property
    def identity(self) -> str:
        """Address, model, and what the settings add to every request."""
        return f"anthropic {self._settings.base_url} {self._model} {self._settings.max_tokens}"

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Return one answer per request; see `Model.generate`. Raises NotRepeatable if the messages
        hold what this API has no form for."""
        items = [self._item(request) for request in requests]
        batches = [Batch((index,), (item,)) for index, item in enumerate(items)]
        return await self._transport.ask(batches, self._meter)

    def _item(self, request: Request) -> Item:
        sent = body(request, max_tokens=self._settings.max_tokens)
        return Item(request, PATH, {"model": self._model, **sent})


# -- the body and the reply -----------------------------------------------------------------------

PATH = "/v1/messages"

_PROVIDER = Anthropic()

_READ = ("system", "messages", "tools", "output_config")
"""The fields of a body that the model reads, the answer's schema included."""
_TOOL_INSTRUCTIONS = 1000
"""More tokens than the instructions that the service adds if tools are offered."""
_IMAGE = 8000
"""More tokens than an image is."""


def _without_image_data(value: JSON) -> JSON:
    """The blocks without images' data; what looks alike in a tool's input is read as words."""
    if isinstance(value, list | tuple):
        return [_without_image_data(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "image":
        return {**value, "source": None}
    return {k: held if k == "input" else _without_image_data(held) for k, held in value.items()}


def body(request: Request, *, max_tokens: int) -> dict[str, JSON]:
    """Return the body of the HTTP request, except for the model. Raises NotRepeatable if a part of
    its messages has no form in this API."""
    system, messages = conversation(request.messages, prefilled=request.prefilled)
    asked: dict[str, JSON] = {} if system is None else {"system": system}
    sent = parameters(request, max_tokens=max_tokens)
    if (sent.get("thinking") or {}).get("type") == "enabled" and _lacks_thinking(messages):
        raise NotRepeatable(
            "with a budget for thinking, the service requires the thinking before its tool "
            "calls, which was captured without its signature"
        )
    return {**asked, "messages": messages, **sent}


def token_bound(sent: Mapping[str, JSON]) -> Usage:
    """Return a body's cost bound: a token per byte of input, and the limit of output tokens."""
    read_by_it = {name: sent[name] for name in _READ if name in sent}
    if "messages" in read_by_it:
        read_by_it["messages"] = _without_image_data(read_by_it["messages"])
    text = json.dumps(read_by_it)
    read = len(text) + _IMAGE * text.count('"type": "image"')
    if sent.get("tools"):
        read += _TOOL_INSTRUCTIONS
    return Usage(input_tokens=read, output_tokens=sent["max_tokens"])


def responses(reply: object, items: Sequence[Item]) -> list[Response]:
    """Return a reply's answer, read as capture does, so that both compare alike."""
    answer = _PROVIDER.read_response(reply) if isinstance(reply, dict) else None
    message = None if answer is None else read_message(answer.messages[0])
    text = None if message is None else answer_of(message)
    if answer is None or text is None or not isinstance(reply, dict):
        return [Response(failure="the server's reply holds no answer") for _ in items]
    response = Response(
        text=text,
        reasoning=None if message is None else reasoning_of(message),
        finish_reason=next(iter(answer.finish_reasons), None),
        usage=_usage(reply.get("usage")),
    )
    return [checked(response, scored=False)]


def _usage(counts: Any) -> Usage | None:
    """Return the tokens that the server counted, cached ones included; None if not credible."""
    if not isinstance(counts, dict):
        return None
    cached = ("cache_read_input_tokens", "cache_creation_input_tokens")
    found = [counts.get("input_tokens"), *(counts.get(name) or 0 for name in cached)]
    read, written = [token_count(n) for n in found], token_count(counts.get("output_tokens"))
    if written is None or None in read:
        return None
    return Usage(input_tokens=sum(n or 0 for n in read), output_tokens=written)


# -- its parameters -------------------------------------------------------------------------------

SAMPLING = ("temperature", "top_p", "top_k")
"""Taken only by the version 2023-06-01 of the API, and not by every model."""

_SENT = frozenset(
    {*SAMPLING, "max_tokens", "stop_sequences", "tools", "tool_choice", "thinking"}
    | {"output_config", "service_tier", "speed", "inference_geo", "betas"}
)
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}


def parameters(request: Request, *, max_tokens: int) -> dict[str, JSON]:
    """Return the request's own parameters as they are sent again; `max_tokens` is the longest
    answer if the request sets no limit."""
    given = _renamed(request.parameters)
    sent = {name: given[name] for name in _SENT & given.keys() if given[name] is not None}
    tools = [_tool(tool) for tool in sent.pop("tools", None) or ()]
    choice = _choice(sent.pop("tool_choice", None), given.get("parallel_tool_calls"))
    parts = (part for message in request.messages for part in message.parts)
    names = dict.fromkeys(part.name for part in parts if isinstance(part, ToolCall))
    if names and not tools:
        # A conversation with calls of tools is refused without definitions of tools.
        tools = [{"name": name, "input_schema": {"type": "object"}} for name in names]
        choice = {"type": "none"}
    if tools:
        sent["tools"] = tools
        if choice is not None:
            sent["tool_choice"] = choice
    limit = sent.get("max_tokens")
    if not isinstance(limit, int) or limit < 1:
        sent["max_tokens"] = request.answer_limit or max_tokens
    return sent


def without_cache(extra: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the fields without the wish to write a block into the service's cache, which costs
    more than the prices of tokens say."""
    return {name: value for name, value in extra.items() if name != "cache_control"}


def _renamed(given: Mapping[str, JSON]) -> dict[str, JSON]:
    named = dict(given)
    for other in ("max_completion_tokens", "max_output_tokens"):
        if named.get(other) is not None:
            named.setdefault("max_tokens", named[other])
    stop = named.get("stop")
    if stop is not None:
        named.setdefault("stop_sequences", [stop] if isinstance(stop, str) else list(stop))
    if isinstance(named.get("temperature"), int | float):
        named["temperature"] = min(named["temperature"], 1)  # OpenAI's go up to 2
    asked = named.get("response_format")
    if isinstance(asked, dict) and isinstance(asked.get("json_schema"), dict):
        format_ = {"type": "json_schema", "schema": asked["json_schema"].get("schema")}
        named.setdefault("output_config", {"format": format_})
    return named


def _tool(tool: JSON) -> JSON:
    """Translate a definition; OpenAI's are `{"type": "function", "function": {…}}`, or flat."""
    if not isinstance(tool, dict):
        return tool
    if tool.get("type") != "function":
        return without_cache(tool)
    inner = tool.get("function")
    function = inner if isinstance(inner, dict) else tool
    known: dict[str, JSON] = {"name": function.get("name")}
    if function.get("description") is not None:
        known["description"] = function["description"]
    return {**known, "input_schema": function.get("parameters") or {"type": "object"}}


def _choice(choice: JSON, parallel: JSON) -> JSON:
    if isinstance(choice, str):
        choice = {"type": _CHOICES.get(choice, choice)}
    elif isinstance(choice, dict) and choice.get("type") == "function":
        choice = {"type": "tool", "name": choice.get("function", choice).get("name")}
    if parallel is False and (choice is None or choice.get("type") != "none"):
        return {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return choice


# -- its messages ---------------------------------------------------------------------------------

PLACEHOLDER = "…"
"""The text of a user's message that must not be empty but has lost all its text."""

_THINKING = ("thinking", "redacted_thinking")
_INSTRUCTIONS = ("system", "developer")
_INLINE = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)", re.DOTALL)

Turn = dict[str, JSON]


def conversation(
    messages: Sequence[Message], *, prefilled: bool = False
) -> tuple[JSON, list[Turn]]:
    """Return the system prompt (a text, a list of text blocks, or None) and the messages.
    `prefilled`: the request ended with the assistant's words, which the answer continues. Raises
    NotRepeatable if a part has no form in this API."""
    messages = with_reasoning(messages, SIGNED)
    leading = list(takewhile(lambda message: message.role in _INSTRUCTIONS, messages))
    turns = [turn for m in messages[len(leading) :] if (turn := _turn(m))["content"]]
    turns, misplaced = _place_instructions(_merged(turns))
    if not turns or turns[0]["role"] != "user":
        turns.insert(0, _said_nothing())
    if turns[-1]["role"] == "assistant":
        if prefilled and isinstance(turns[-1]["content"], str):
            turns[-1]["content"] = turns[-1]["content"].rstrip()  # refused with white space
        elif not prefilled:
            turns.append(_said_nothing())
    return _system(leading, misplaced), turns


def _said_nothing() -> Turn:
    return {"role": "user", "content": PLACEHOLDER}


def _turn(message: Message) -> Turn:
    role = "assistant" if message.role == "assistant" else "user"
    if message.role in _INSTRUCTIONS:
        role = "system"
    if not message.parts:
        return {"role": role, "content": message.content if message.content.strip() else ""}
    blocks = [block for part in message.parts if (block := _block(part)) is not None]
    if all(block["type"] in _THINKING for block in blocks):
        blocks = []  # a message may not hold nothing else
    return {"role": role, "content": blocks}


def _merged(turns: Iterable[Turn]) -> list[Turn]:
    """Merge turns of one role if a call would otherwise be parted from its results, which have to
    come first in the message right behind it."""
    merged: list[Turn] = []
    for turn in turns:
        last = merged[-1] if merged else None
        parted = last is not None and (_has(last, "tool_use") or _has(turn, "tool_result"))
        if last is None or last["role"] != turn["role"] or not parted:
            merged.append(turn)
            continue
        blocks = [*_blocks(last), *_blocks(turn)]
        results = [block for block in blocks if block["type"] == "tool_result"]
        last["content"] = results + [block for block in blocks if block not in results]
    return merged


def _place_instructions(turns: list[Turn]) -> tuple[list[Turn], list[Turn]]:
    """Return the turns, and apart the instructions that have lost the user's turn before them: in
    the middle of a conversation they may stand only behind one."""
    kept: list[Turn] = []
    misplaced: list[Turn] = []
    for number, turn in enumerate(turns):
        after = turns[number + 1]["role"] if number + 1 < len(turns) else "assistant"
        behind_user = bool(kept) and kept[-1]["role"] == "user"
        if turn["role"] == "system" and not (behind_user and after == "assistant"):
            misplaced.append(turn)
        else:
            kept.append(turn)
    return kept, misplaced


def _system(leading: Sequence[Message], misplaced: Sequence[Turn]) -> JSON:
    turns = [*map(_turn, leading), *misplaced]
    if len(turns) == 1:
        return turns[0]["content"] or None
    return [block for turn in turns for block in _blocks(turn)] or None


def _lacks_thinking(turns: Sequence[Turn]) -> bool:
    """Whether the calls whose results end the conversation are without the thinking before them;
    in earlier turns, and where it decides itself whether it thinks, the service wants none."""
    last = len(turns)
    while last and (turns[last - 1]["role"] != "user" or _has(turns[last - 1], "tool_result")):
        last -= 1
    first = next(iter(_blocks(turns[last])), {}) if last < len(turns) else {}
    return _has(turns[-1], "tool_result") and first.get("type") not in _THINKING


def _has(turn: Turn, kind: str) -> bool:
    return any(block["type"] == kind for block in _blocks(turn))


def _blocks(turn: Turn) -> list[Turn]:
    content = turn["content"]
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(content)


def _block(part: Part) -> Turn | None:
    """Return a content block; None for a text without a letter. Raises NotRepeatable."""
    if isinstance(part, TextPart):
        return _text(part)
    if isinstance(part, ToolCall):
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": _input(part)}
    if isinstance(part, ToolResult):
        return _result(part)
    if isinstance(part, Reasoning) and "data" in part.extra:
        return {"type": "redacted_thinking", "data": part.extra["data"]}
    if isinstance(part, Reasoning):
        signature = part.extra["signature"]
        return {"type": "thinking", "thinking": part.content, "signature": signature}
    if isinstance(part, Media) and part.modality == "image" and part.uri is not None:
        return {"type": "image", "source": _source(part.uri)}
    if isinstance(part, Media) and part.modality == "file":
        raise NotRepeatable(_UNBOUNDED)
    if isinstance(part, OtherPart) and part.kind == "refusal":
        return _text(TextPart(content=str(part.raw.get("content") or "")))
    raise NotRepeatable(f"Anthropic's Messages API takes no {part.type} of this kind")


def _text(part: TextPart) -> Turn | None:
    if not part.content.strip():
        return None
    block = without_cache(part.extra)
    if is_document(block):
        return with_block_text(block, part.content)
    return {"type": "text", "text": part.content}


def _input(part: ToolCall) -> JSON:
    arguments = part.arguments
    if isinstance(arguments, str):
        with contextlib.suppress(ForeignDataError):
            arguments = foreign.decode(arguments or "{}", lenient=True)
    if isinstance(arguments, dict):
        return arguments
    return {} if arguments is None else {"arguments": arguments}


def _result(part: ToolResult) -> Turn:
    """Return a tool's result; without its removed text it is empty, and no error either."""
    content: JSON = part.texts[0] if part.texts and part.texts[0].strip() else None
    if are_blocks(part.response):
        if any(_is_file(block) for block in part.response):
            raise NotRepeatable(_UNBOUNDED)
        texts = [(b, block_text(b)) for b in part.response]
        content = [without_cache(b) for b, text in texts if text is None or text.strip()]
    block: Turn = {"type": "tool_result", "tool_use_id": part.id}
    if content:
        block["content"] = content
        block |= {"is_error": True} if part.extra.get("is_error") else {}
    return block


_UNBOUNDED = "its file is not sent to Anthropic again: its price has no bound"


def _is_file(block: Mapping[str, JSON]) -> bool:
    """Whether it is a document whose text is not in it, such as a PDF or an address."""
    source = block.get("source")
    kind = source.get("type") if isinstance(source, dict) else None
    return block.get("type") == "document" and kind not in ("text", "content")


def _source(uri: str) -> JSON:
    inline = _INLINE.fullmatch(uri)
    if inline is None:
        return {"type": "url", "url": uri}
    return {"type": "base64", "media_type": inline[1], "data": inline[2]}
