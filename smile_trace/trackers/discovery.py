"""Finding trackers by entry point, and reading their options."""

from collections.abc import Mapping
from importlib.metadata import entry_points

from pydantic import TypeAdapter, ValidationError

from smile_trace.records import JSON
from smile_trace.records.base import Options, read_table
from smile_trace.trackers.protocol import Tracker

GROUP = "smile_trace.trackers"

_SWITCH = TypeAdapter(bool)


def discover(options: Mapping[str, Mapping[str, JSON]]) -> list[Tracker]:
    """Return the active trackers by name: those that `options` or their own environment ask for.
    `options`: the settings' `[trackers.NAME]` tables by name. A table, even an empty one, asks for
    its tracker; `enabled = false` switches a tracker off although its environment variables are
    set. Raises ValueError if a table names a tracker that is not installed, or its options are
    wrong."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    for name in options:
        if name not in found:
            known = ", ".join(sorted(found)) or "none"
            raise ValueError(
                f"[trackers.{name}]: no tracker of that name is installed (installed: {known}); "
                f"install it with: pip install 'smile-trace[{name}]'"
            )
    trackers = []
    for name in sorted(found):
        table = dict(options.get(name, {}))
        if name in options:
            table["enabled"] = _enabled(name, table.get("enabled", True))
            if not table["enabled"]:
                continue
        tracker = found[name].load().from_settings(table)
        if tracker is not None:
            trackers.append(tracker)
    return trackers


def _enabled(name: str, given: JSON) -> bool:
    try:
        return _SWITCH.validate_python(given)  # a text where it comes from an environment variable
    except ValidationError:
        raise ValueError(f"[trackers.{name}] enabled: it is true or false") from None


def read_options(model: type[Options], name: str, options: Mapping[str, JSON]) -> Options:
    """Validate the options of `[trackers.NAME]`, `enabled` aside. The `ValueError` says which
    option is unknown or wrong, and what it may be."""
    given = {name: value for name, value in options.items() if name != "enabled"}
    return read_table(model, f"trackers.{name}", given)
