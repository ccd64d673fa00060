"""What the running application is called, where nobody says so."""

import os
import re
import sys
from pathlib import Path

_SERVERS = frozenset(
    ("uvicorn", "gunicorn", "hypercorn", "granian", "daphne", "flask", "fastapi", "streamlit")
)
"""Programs that run the application which their command line names."""
_APPLICATION = re.compile(r"(?:[\w./-]*/)?([A-Za-z_][\w.]*?)(?::[\w.()]+|\.py(?::[\w.()]+)?)\Z")
"""`shop.api:app`, `app.py`."""
_NOTEBOOK = "ipykernel_launcher"


def application_name() -> str:
    """The script's or module's name; of a server such as uvicorn that of the application which it
    runs, in a notebook the notebook's. More useful than OpenTelemetry's `unknown_service`."""
    arguments = [str(argument) for argument in getattr(sys, "argv", None) or [""]]
    program = _module() or Path(arguments[0]).stem
    if program == _NOTEBOOK:
        return Path(os.environ.get("JPY_SESSION_NAME") or "notebook").stem
    if program in _SERVERS:
        named = (_APPLICATION.match(argument[:200]) for argument in arguments[1:])
        return next((match[1] for match in named if match), program)
    return program if program and not program.startswith("-") else "unknown_service"


def _module() -> str | None:
    """The module that was started with `python -m`."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    name = getattr(spec, "name", None)
    return name.removesuffix(".__main__") if isinstance(name, str) else None
