"""Settings with models that cost money, may cost money, and cost nothing."""

import pytest

from tests.support.planted import serving

PROMPT = "the Eiffel Tower stands here"


@pytest.fixture
def priced_models(tmp_path, monkeypatch):
    """Settings with a priced model, a stranger's server and the same one on this machine."""
    with serving(lambda prompt: "Paris" if "Eiffel" in prompt else "nowhere") as server:
        strange = server.base_url.replace("127.0.0.1", "0.0.0.0")  # reachable, and no loopback
        (tmp_path / "smile_trace.toml").write_text(
            f"""
            [models."gpt-4o-mini"]
            kind = "endpoint"
            base_url = "https://api.openai.com/v1"
            max_tokens = 10
            [models.strange]
            kind = "endpoint"
            base_url = "{strange}"
            [models.near]
            kind = "endpoint"
            base_url = "{server.base_url}"
            [models.again]
            kind = "rerun"
            """
        )
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "state"))
        yield tmp_path, server
