"""Real instrumentors in environments of their own: those that install in seconds.

All of them: `make test-instrumentors`.
"""

from pathlib import Path

import pytest

from tests.instrumentors.running import try_out
from tests.instrumentors.table import INSTRUMENTORS, Instrumentor
from tests.support.uv import NotInstalled

pytestmark = pytest.mark.slow
CHOSEN = ("genai-openai", "logfire-openai", "openinference-openai", "vercel-ai-7-whole")


@pytest.mark.parametrize(
    "instrumentor", [i for i in INSTRUMENTORS if i.name in CHOSEN], ids=lambda i: i.name
)
def test_its_calls_are_read_and_explained(instrumentor: Instrumentor, tmp_path: Path) -> None:
    try:
        outcome = try_out(instrumentor, tmp_path / "home")
    except NotInstalled as error:
        pytest.skip(f"its packages cannot be installed: {error}")
    assert outcome.calls
    assert outcome.wrong == []
