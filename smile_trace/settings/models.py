"""The tables `[models.NAME]`, a class per kind, that say how a captured model is asked again."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar, get_args

from pydantic import (
    Field,
    SerializeAsAny,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)

from smile_trace._guards.bounded_http import MAX_REPLY_MB
from smile_trace._guards.presentable import check_address
from smile_trace._text.lists import listed
from smile_trace.settings.table import Cap, Table
from smile_trace.trust.model_kinds import installed_kinds

if TYPE_CHECKING:
    from smile_trace.models import Model
    from smile_trace.records import Call, Prompted, Usage

_Held = TypeVar("_Held")


class ModelSettings(Table):
    """The settings common to all kinds of models. A kind is a subclass that opens its model and
    bounds its cost (`docs/contributing/model.md`)."""

    sends: ClassVar[tuple[str, ...]] = ()
    """Environment variables whose values its client sends by itself."""
    calls_function: ClassVar[bool] = False
    """Whether it calls the application's function again, which needs a captured call."""
    costs_nothing: ClassVar[bool] = False
    """Whether it runs on this machine."""

    kind: str
    form: Literal["chat", "completion"] | None = None
    """How it is asked; by default as the call was made."""
    concurrency: int = Field(8, ge=1, le=256)
    """Requests in flight at once."""
    max_tokens: int = Field(256, ge=1)
    """Longest answer asked for, where neither the call nor its logged answer gives a limit."""
    calls_per_day: Cap[int] = Field(None, ge=0)
    """Requests to this model per day (UTC), besides the caps of `[budget]`; counted for each
    captured name."""
    tokens_per_day: Cap[int] = Field(None, ge=0)
    """Input and output tokens of this model per day (UTC)."""
    usd_per_day: Cap[float] = Field(None, ge=0)
    """US dollars for this model per day (UTC), where its price is known."""
    requests_per_minute: Cap[int] = Field(None, ge=1)
    """Attempts in a minute, evenly spaced, by all that share the store; counted for each captured
    name."""
    tokens_per_minute: Cap[int] = Field(None, ge=1)
    """Input and output tokens in a minute, reserved at the most that an attempt can use."""
    proxy: str | None = None
    """A cheaper model that answers most perturbations in place of this one ([proxy.md](proxy.md)):
    another table of `[models]`, or `demo`, the packaged chat model."""

    @property
    def address(self) -> str:
        """A description of the place where the model is asked."""
        return f"a model of kind {self.kind!r}"

    @property
    def most_attempts(self) -> int:
        """The most attempts at one request, retries included."""
        return 2

    @property
    def scores_whole_answers(self) -> bool:
        """Whether the model tells the probability of a whole given answer."""
        return False

    def open(self, name: str, *, app: str | None = None, call: "Call | None" = None) -> "Model":
        """Open the model without starting or asking it.

        Args:
            name: the captured name.
            app: the module that the operator named, if a function of it is called.
            call: the captured call, whose function is called.

        Raises:
            ModelUnavailable: an extra, a file, a key or the module is missing.
        """
        raise NotImplementedError

    def attempt_bound(self, name: str, prompted: "Prompted") -> "tuple[Usage | None, float | None]":
        """Upper bounds of tokens and US dollars for one attempt at `prompted` or a perturbation.

        `name` is the captured name; a bound that cannot be known is None.
        """
        return None, None


class ServerSettings(ModelSettings):
    """The settings common to models that are asked at an address."""

    base_url: str
    """The address, for an endpoint up to and including `/v1`."""
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

    @property
    def address(self) -> str:
        """The server's address."""
        return self.base_url

    @property
    def most_attempts(self) -> int:
        """The first attempt and `retries`."""
        return 1 + self.retries

    @field_validator("base_url")
    @classmethod
    def _of_a_server(cls, address: str) -> str:
        if not re.fullmatch(r"https?://[^/?#\s]\S*", address):
            raise ValueError("this is not a server's address: write it like http://host:8000/v1")
        check_address(address, "this address", "api_key_env to the name of a variable")
        return address


PackagedName = Literal["demo", "demo-completion"]
"""SmolLM2 135M Instruct, which answers chats; Gemma 3 270M, a base model, which continues texts."""
PACKAGED_NAMES: tuple[PackagedName, ...] = get_args(PackagedName)


def _of_its_kind(table: Any, _: ValidatorFunctionWrapHandler) -> ModelSettings:
    """Read a table by its kind's class; raises ValueError for a wrong table or an unknown kind."""
    if isinstance(table, ModelSettings):
        return table
    kind = table.get("kind") if isinstance(table, Mapping) else None
    found = installed_kinds().get(kind) if isinstance(kind, str) else None
    if found is None:
        names = listed([f'"{name}"' for name in installed_kinds()], "or")
        raise ValueError(f"say which kind = {names} it is")
    try:
        model: Any = found.load()
    except ImportError as error:
        raise ValueError(f"the kind {kind!r} cannot be loaded ({error})") from None
    read: dict[str, ModelSettings] = TypeAdapter(dict[str, model]).validate_python({kind: table})
    return read[found.name]


AnyModelSettings = Annotated[SerializeAsAny[ModelSettings], WrapValidator(_of_its_kind)]
"""A table of whichever kind it names."""


_DATE = re.compile(r"[-@](?:20\d\d-?[01]\d-?[0-3]\d|[0-2]\d[0-3]\d|latest)$")
"""The version that ends a model's name: `-2024-07-18`, `-20250929`, `-0613`."""


def table_of(models: Mapping[str, _Held], name: str) -> _Held | None:
    """The table of the model captured as `name`, of its name without a date (`gpt-4o-mini` for
    `gpt-4o-mini-2024-07-18`), or of `"*"`."""
    found = table_name_of(models, name)
    return None if found is None else models[found]


def table_name_of(models: Mapping[str, _Held], name: str) -> str | None:
    """The name of the table that `table_of` finds."""
    known = (name, _DATE.sub("", name), "*")
    return next((one for one in known if one in models), None)
