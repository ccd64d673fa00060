"""The installed kinds of models: modules of `models/kinds`, and other packages' entry points.
Nothing is imported by a name that was read from a settings file."""

import pkgutil
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

GROUP = "smile_trace.models"
"""The entry points' group: the name is the `kind`, the value its table."""

_OURS = Path(__file__).parents[1] / "models" / "kinds"


@lru_cache(maxsize=1)
def installed_kinds() -> Mapping[str, EntryPoint]:
    """The table (a `ModelSettings`) of each kind, with `endpoint`, the most frequent, first."""
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    for module in pkgutil.iter_modules([str(_OURS)]):
        path = f"smile_trace.models.kinds.{module.name}:TABLE"
        known[module.name] = EntryPoint(module.name, path, GROUP)
    return dict(sorted(known.items(), key=lambda item: (item[0] != "endpoint", item[0])))
