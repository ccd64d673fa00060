"""One settings tree for worker and command line.

The first source wins: arguments, `SMILE_TRACE_…` variables (`__` between levels), the nearest
`smile_trace.toml` (working directory, its parents, then SMILE_TRACE_HOME), the defaults here. Keys
are never settings: a setting names the environment variable that holds the key.
"""

from smile_trace.settings.explaining import Budget, ExplainingSome
from smile_trace.settings.models import (
    PACKAGED_NAMES,
    ModelSettings,
    PackagedName,
    ServerSettings,
    table_name_of,
    table_of,
)
from smile_trace.settings.tree import Settings
from smile_trace.settings.worker import Receive, Retention, Ship
from smile_trace.trust.settings_file import FILE_NAME, SettingsError, find_file

__all__ = [
    "FILE_NAME",
    "PACKAGED_NAMES",
    "Budget",
    "ExplainingSome",
    "ModelSettings",
    "PackagedName",
    "Receive",
    "Retention",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "Ship",
    "find_file",
    "table_name_of",
    "table_of",
]
