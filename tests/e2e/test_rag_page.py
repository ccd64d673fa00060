"""Who follows docs/how-to/rag.md gets what it says: from the code on the page to the report."""

from pathlib import Path
from typing import Any

import pytest

from smile_trace.capture.runtime import configure, runtime, state
from smile_trace.comparison import compare
from smile_trace.settings import Settings
from smile_trace.worker.run import run
from tests.support.markdown import blocks_of
from tests.support.paths import ROOT
from tests.support.planted import serving
from tests.support.worker_settings import settings_tables


def _answer(prompt: str) -> str:
    if "song" in prompt:
        return "La la la."
    return "At nine." if "opens at nine" in prompt else "I do not know."


@pytest.mark.slow
def test_the_page_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = next(block for block in blocks_of(ROOT / "docs/how-to/rag.md"))
    assert first.language == "python"
    with serving(_answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "a-key")
        monkeypatch.setattr(state, "runtime", None)
        monkeypatch.setattr(state, "config", state.config)
        configure(home=tmp_path / "home")
        page: dict[str, Any] = {}
        exec(compile(first.code, "docs/how-to/rag.md", "exec"), page)  # asks when the shop opens
        assert page["answer"]("Sing me a song!") == "La la la."
        runtime().spool.close()
        extra: dict[str, dict[str, Any]] = {
            "budget": {"calls_per_explanation": 60},
            "models": {
                "gpt-4o-mini": {
                    "kind": "endpoint",
                    "base_url": server.base_url,
                    "temperature_zero_is_deterministic": True,
                }
            },
        }
        settings = Settings(home=tmp_path / "home", **settings_tables(server.base_url, extra))
        monkeypatch.setenv("SMILE_TRACE_HOME", str(settings.home))
        monkeypatch.chdir(tmp_path)
        assert run(settings, once=True, trackers=[]).explained == 2

    found = compare(settings=settings).mattered
    assert found is not None
    function, retriever = found.groups
    assert (function.kind, function.name, function.explained) == ("function", "answer", 2)
    assert (retriever.kind, retriever.name) == ("retriever", "search")
    assert found.no_document is not None
    assert (found.no_document.count, found.no_document.of) == (1, 2)
    best = retriever.parts[0]
    assert (best.kind, best.name, best.mattered.count, best.mattered.of) == (
        "document", "hours.md", 1, 2
    )  # fmt: skip
    assert compare("answer", settings=settings).summary.startswith("In 50 % [")
