"""The settings tree and where it is read from."""

import difflib
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from smile_trace.semconv import PREFIX
from smile_trace.settings.explaining import (
    Budget,
    Drift,
    Explaining,
    Pooling,
    Probes,
    Review,
    Sampling,
)
from smile_trace.settings.models import PACKAGED_NAMES, AnyModelSettings
from smile_trace.settings.worker import Receive, Retention, Ship, Sources, StoreSettings, Worker
from smile_trace.trust import check
from smile_trace.trust.model_kinds import installed_kinds
from smile_trace.trust.settings_file import (
    SettingsError,
    SettingsFile,
    expanded,
    find_file,
    load,
    own_home,
)

_read_now: ContextVar[SettingsFile | None] = ContextVar("settings_file", default=None)
"""The file of the `Settings` that are being made, so that it is read once."""


class Settings(BaseSettings):
    """All settings. `Settings()` reads the environment and the nearest `smile_trace.toml`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
        protected_namespaces=(),
    )

    home: Path = Field(default_factory=own_home)
    """Spool, store and engine live here."""
    models: dict[str, AnyModelSettings] = {}
    """How each captured model name is asked again; `"*"` stands for all others."""
    sampling: Sampling = Sampling()
    budget: Budget = Budget()
    explain: Explaining = Explaining()
    probes: Probes = Probes()
    drift: Drift = Drift()
    review: Review = Review()
    pooling: Pooling = Pooling()
    worker: Worker = Worker()
    store: StoreSettings = StoreSettings()
    receive: Receive = Receive()
    ship: Ship = Ship()
    sources: Sources = Sources()
    retention: Retention = Retention()
    trackers: dict[str, dict[str, str | int | float | bool | dict[str, str]]] = {}
    """Options per tracker; a tracker's README lists its own."""

    _file: SettingsFile | None = PrivateAttr(None)
    _given: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @field_validator("home", mode="before")
    @classmethod
    def _expand(cls, home: Any) -> Path:
        return expanded(str(home)) if str(home) else own_home()

    @model_validator(mode="after")
    def _check_proxies(self) -> "Settings":
        for name, how in self.models.items():
            proxy = how.proxy
            self._check_asked(proxy, f"the proxy {proxy!r} of the model {name!r}", "be a proxy")
            if proxy == name:
                raise ValueError(f"the model {name!r} is its own proxy: name a cheaper one")
        return self

    @model_validator(mode="after")
    def _check_judge(self) -> "Settings":
        judge = self.review.judge
        self._check_asked(judge, f"the judge {judge!r} of [review]", "judge")
        return self

    def _check_asked(self, model: str | None, named: str, purpose: str) -> None:
        """Check that a model named by a setting exists and can serve that purpose."""
        if model is None:
            return
        if model not in self.models and model not in PACKAGED_NAMES:
            raise ValueError(
                f"{named} is not in [models]: add [models.{model!r}], or use 'demo', the "
                "packaged chat model"
            )
        if model in self.models and self.models[model].calls_function:
            raise ValueError(
                f"{named} is a function of the application, which cannot {purpose}: use an "
                "endpoint or a local model"
            )

    def __init__(self, **values: Any) -> None:
        """Read the settings; `values` go before every other source. Raises SettingsError if a
        setting is unknown or wrong, or the file is unreadable or insecure."""
        file = load()
        reading = _read_now.set(file)
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(_message(error)) from None
        except (OSError, ValueError) as error:  # also a file that is not TOML, or not UTF-8
            raise SettingsError(f"{find_file() or 'the environment'}: {error}") from None
        except RecursionError:
            raise SettingsError(f"{find_file() or 'the environment'}: nested too deeply") from None
        finally:
            _read_now.reset(reading)
        self._file, self._given = file, values

    def check_trust(self, *tables: str) -> None:
        """Check, before anything is sent, that this user has allowed the hosts that the file names.
        `tables`: those used now (`"models"`, `"trackers"`); by default all. Raises NotTrusted if a
        host is not allowed yet; the message says how to allow it."""
        check(self._file, tables, self._given)

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
        read = _read_now.get()
        file = () if read is None else (InitSettingsSource(settings_cls, dict(read.table)),)
        return (init_settings, env_settings, *file)


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
    return error["msg"].removeprefix("Value error, ")


def _names(path: Sequence[str | int]) -> list[str]:
    table: Any
    match path:
        case []:
            return list(Settings.model_fields)
        case ["models", _, str(kind)] if kind in installed_kinds():
            table = installed_kinds()[kind].load()
        case [str(name)] if name in Settings.model_fields:
            table = Settings.model_fields[name].annotation
        case _:
            return []
    return list(getattr(table, "model_fields", ()))
