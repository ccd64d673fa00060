"""a fake Comet server, and Comet's clients in this process pointed at it.

Comet's packages protect their configuration at import, so there is one server per session; each
test gets it empty. Tests that need another configuration run their client in a process of its
own.
"""

import os
from collections.abc import Iterator

import pytest

from smile_trace_comet import sdk
from tests.support.fake_comet import FakeComet

KEY = "key-of-the-tests"


def comet_environment(url: str, folder: str, **more: str) -> dict[str, str]:
    """The environment of a process whose Comet clients talk to `url` and nowhere else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMET_")}
    return {
        **kept,
        "COMET_API_KEY": KEY,
        "COMET_URL_OVERRIDE": f"{url}/clientlib/",
        "COMET_CONFIG": f"{folder}/comet.config",
        "COMET_DISABLE_AUTO_LOGGING": "1",
        "COMET_ERROR_TRACKING_ENABLE": "false",
        **more,
    }


@pytest.fixture(scope="session")
def _comet_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeComet, str]]:
    with FakeComet(api_key=KEY) as server:
        yield server, str(tmp_path_factory.mktemp("comet"))


@pytest.fixture
def comet_server(
    _comet_server: tuple[FakeComet, str], monkeypatch: pytest.MonkeyPatch
) -> FakeComet:
    """The fake server, empty and without faults; Comet's clients in this process talk to it."""
    server, folder = _comet_server
    for name, value in comet_environment(server.url, folder).items():
        if name.startswith("COMET_"):
            monkeypatch.setenv(name, value)
    sdk.load()  # the first time; it keeps what the environment says now
    server.reset()
    return server
