"""The only place that imports comet_ml and comet_llm, and knows how their versions differ."""

import os
import sys
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from smile_trace.trackers.clients import without

_ENVIRONMENT = {
    # comet_ml patches openai and others; mlflow's start_run would open a Comet experiment.
    "COMET_DISABLE_AUTO_LOGGING": "1",
    "COMET_ERROR_TRACKING_ENABLE": "false",
    "COMET_RAISE_EXCEPTIONS_ON_ERROR": "1",
    "COMET_LOGGING_CONSOLE": "ERROR",
}
_MOVED = "comet_ml.config_class"


class Sdk(NamedTuple):
    """The two packages."""

    comet_ml: Any
    comet_llm: Any


def installed() -> bool:
    """Whether both packages are installed; imports neither."""
    return find_spec("comet_ml") is not None and find_spec("comet_llm") is not None


def disable_auto_logging() -> None:
    """Keep Comet's automatic logging and error reporting out of this process, without changing the
    operator's other settings. Comet freezes its configuration at import, so call this first."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ["COMET_DISABLE_AUTO_LOGGING"] = "1"


def file_with_address() -> Path | None:
    """Return a file of the working directory that sets Comet's address, to which the key would go:
    Comet reads it, though it may have come with somebody's folder. None if the environment sets
    it."""
    if os.environ.get("COMET_URL_OVERRIDE"):
        return None
    own = os.path.realpath(os.path.expanduser("~/.comet.config"))
    for path in (Path(".comet.config").absolute(), Path(".env").absolute()):
        with suppress(OSError):
            said = path.read_text(encoding="utf-8", errors="replace").lower()
            if "url_override" in said and os.path.realpath(path) != own:
                return path
    return None


def load() -> Sdk:
    """Import comet_ml (3.49.0 and newer) and comet_llm (2.2.7 and newer). comet_llm imports, but
    never uses, `comet_ml.config_class`, which newer comet_ml moved: an empty module replaces it."""
    disable_auto_logging()
    with without("matplotlib"):
        comet_ml = import_module("comet_ml")
    if _MOVED not in sys.modules and find_spec(_MOVED) is None:
        sys.modules[_MOVED] = ModuleType(_MOVED)
    return Sdk(comet_ml, import_module("comet_llm"))
