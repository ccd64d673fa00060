"""A settings file that somebody else wrote: settings, or a sentence that says what is wrong."""

import contextlib
import tempfile
from functools import cache
from pathlib import Path

from smile_trace.settings import FILE_NAME, Settings, SettingsError
from tests.support.readers.base import ForeignReader

_EVERYTHING = b"""
home = "/tmp/h"
[models."*"]
kind = "endpoint"
base_url = "https://user@api.example/v1"
api_key_env = "KEY"
timeout_seconds = 1e3
usd_per_day = "none"
proxy = "demo"
[models.local]
kind = "local"
path = "a.gguf"
[models.again]
kind = "rerun"
[sampling]
rate = 0.5
[budget]
calls_per_explanation = 40
[explain]
freeze = ["system", "/a+/"]
signal = "text"
distance = "wasserstein"
[pooling]
calls_per_call = 7
[worker]
external_trace_seconds = 3
metrics_port = 9000
[retention]
days = "none"
[trackers.mlflow]
tracking_uri = "http://127.0.0.1:5000"
[trackers.opik]
url = "http://127.0.0.1:5173/api"
enabled = false
"""


@cache
def _folder() -> Path:
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))


def _read(data: bytes) -> None:
    (_folder() / FILE_NAME).write_bytes(data)
    with contextlib.chdir(_folder()):
        try:
            settings = Settings()
        except SettingsError:
            return
        assert all("@" not in getattr(m, "base_url", "") for m in settings.models.values())


SETTINGS_FILES = ForeignReader("settings files", _read, lambda: [_EVERYTHING])
