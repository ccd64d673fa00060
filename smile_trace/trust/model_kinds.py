"""The kinds of models that are installed: ours, a file each in `models/kinds`, and those of other
packages, by entry point.

A settings file names one of them; nothing is imported by a name that was read.
"""

import pkgutil
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

GROUP = "smile_trace.models"
"""The entry points' group: the name of one is the `kind`, its value the kind's table."""

_OURS = Path(__file__).parents[1] / "models" / "kinds"


@lru_cache(maxsize=1)
def installed_kinds() -> Mapping[str, EntryPoint]:
    """What gives the table (a `ModelSettings`) of each kind, `endpoint` first, which most are."""
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    for module in pkgutil.iter_modules([str(_OURS)]):
        path = f"smile_trace.models.kinds.{module.name}:TABLE"
        known[module.name] = EntryPoint(module.name, path, GROUP)
    return dict(sorted(known.items(), key=lambda item: (item[0] != "endpoint", item[0])))
