"""What servers do to the real worker: another call goes on, and SIGTERM ends it meanwhile.

The worker's memory is bounded in every attack. What users plant is in test_attacks.py; what each
tracker's own client does with such a server in integration/trackers.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.attacked_worker import GOOD, AttackedWorker, attack_span
from tests.support.fake_opik import FakeOpik
from tests.support.hostile_server import ATTACKS, Attack, HostileServer
from tests.support.planted import serving

pytestmark = pytest.mark.slow

KEY = "key-of-no-known-shape-3"
ENDPOINT = {"kind": "endpoint", "temperature_zero_is_deterministic": True, "retries": 0}
MEGABYTES = 500
"""The peak of the worker's process with four explanations at once."""


@pytest.fixture
def elsewhere() -> Iterator[HostileServer]:
    with HostileServer("garbage") as server:
        yield server


def assert_nothing_told(attacked: AttackedWorker, elsewhere: HostileServer) -> None:
    """No key, no terminal sequence, no request to somebody else; and little memory."""
    assert attacked.peak_mb < MEGABYTES
    said = attacked.run("status")[1] + attacked.log()
    assert elsewhere.requests == []
    for text in (KEY, "\x1b", "\x07", "\x9b"):
        assert text not in said
    kept = attacked.kept()
    assert KEY.encode() not in kept
    assert b"\x1b]0;" not in kept


def endpoint(attacked: AttackedWorker, hostile: HostileServer, seconds: int = 3) -> dict[str, Any]:
    """Settings of a model there, with a key to tell."""
    attacked.environment["HOSTILE_LOGIN"] = KEY
    where = {"base_url": f"{hostile.url}/v1", "api_key_env": "HOSTILE_LOGIN"}
    return {**ENDPOINT, **where, "timeout_seconds": seconds}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_model_s_server(
    attack: Attack, attacked: AttackedWorker, elsewhere: HostileServer
) -> None:
    """Its calls take every place that there is for explanations, and give them back."""
    with HostileServer(attack, elsewhere=elsewhere.url) as hostile:
        attacked.settings["models"]["hostile"] = endpoint(attacked, hostile)
        attacked.capture(*(attack_span(number) for number in range(1, 5)))
        attacked.work(until=lambda: len(hostile.requests) > 0)
    assert_nothing_told(attacked, elsewhere)


@pytest.mark.parametrize("attack", ["drip", "endless"])
def test_a_stop_while_a_model_s_server_goes_on(
    attack: Attack, attacked: AttackedWorker, elsewhere: HostileServer
) -> None:
    with HostileServer(attack, elsewhere=elsewhere.url) as hostile:
        attacked.settings["models"]["hostile"] = endpoint(attacked, hostile, seconds=300)
        attacked.capture(attack_span(1), attack_span(2))
        attacked.work(until=lambda: len(hostile.requests) > 0)
    assert_nothing_told(attacked, elsewhere)


@pytest.mark.parametrize("attack", ["drip", "bomb", "redirect", "echo"])
def test_an_embeddings_server(
    attack: Attack, attacked: AttackedWorker, elsewhere: HostileServer
) -> None:
    """Every call needs it, so none is explained: each waits, and says for what."""
    with HostileServer(attack, elsewhere=elsewhere.url) as hostile:
        attacked.settings["models"]["vectors"] = endpoint(attacked, hostile)
        attacked.settings["explain"] = {"embeddings": "vectors"}
        attacked.capture_good()
        attacked.work_until(lambda: bool(attacked.reason(GOOD)))
    assert_nothing_told(attacked, elsewhere)


MLFLOW = {
    "MLFLOW_TRACKING_TOKEN": KEY,
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "1",
}
COMET = {
    "COMET_API_KEY": KEY,
    "COMET_DISABLE_AUTO_LOGGING": "1",
    "COMET_ERROR_TRACKING_ENABLE": "false",
}


@pytest.mark.parametrize(
    ("tracker", "attack"),
    [
        ("mlflow", "drip"),
        ("mlflow", "redirect"),
        ("opik", "endless"),
        ("opik", "echo"),
        ("comet", "bomb"),
        ("comet", "redirect"),
    ],
)
def test_a_tracker_s_server(
    tracker: str, attack: Attack, attacked: AttackedWorker, elsewhere: HostileServer
) -> None:
    """It says why it takes nothing, and another one takes everything."""
    folder, environment = attacked.folder, attacked.environment
    with HostileServer(attack, elsewhere=elsewhere.url) as hostile, FakeOpik() as good:
        opik = hostile.url + "/api" if tracker == "opik" else good.api
        trackers = {"opik": {"url": opik, "workspace": "w", "timeout_seconds": 1}}
        environment["OPIK_CONFIG_PATH"] = str(folder / "opik.config")
        if tracker == "opik":
            environment["OPIK_API_KEY"] = KEY
        elif tracker == "mlflow":
            trackers["mlflow"] = {"tracking_uri": hostile.url}
            environment |= MLFLOW
        else:
            trackers["comet"] = {"timeout_seconds": 1}
            environment |= COMET | {
                "COMET_URL_OVERRIDE": f"{hostile.url}/clientlib/",
                "COMET_CONFIG": str(folder / "comet.config"),
            }
        attacked.settings["trackers"] = trackers
        attacked.work(
            until=lambda: (
                bool(attacked.refusal(tracker))
                and (tracker == "opik" or bool(good.traces and good.attachments))
            )
        )
    assert_nothing_told(attacked, elsewhere)


USAGES: dict[str, Any] = {
    "empty": {},
    "oddly named": {"input": 3, "output": 4},
    "negative": {"prompt_tokens": -(10**6), "completion_tokens": 1},
    "infinite": {"prompt_tokens": 1e308 * 10, "completion_tokens": 1},
}


def answered(usage: Any) -> tuple[int, dict[str, str], Any]:
    message = {"role": "assistant", "content": "hello there, good morning"}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return 200, {}, {"choices": [choice], "usage": usage}


@pytest.mark.parametrize("name", USAGES)
def test_usage_that_takes_nothing_from_a_cap(name: str, attacked: AttackedWorker) -> None:
    with serving(lambda prompt: "") as hostile:
        hostile.faults = [answered(USAGES[name])] * 100
        attacked.settings["models"]["hostile"] = {**ENDPOINT, "base_url": hostile.base_url}
        attacked.capture(attack_span(1))
        attacked.work(until=lambda: attacked.state(1) == "explained")
        reserved = sum(body["max_tokens"] for body in hostile.bodies)
        assert attacked.tokens("hostile") > reserved > 0


def test_absurd_usage_stops_nobody_else(attacked: AttackedWorker) -> None:
    with serving(lambda prompt: "") as hostile:
        usage = {"prompt_tokens": 10**18, "completion_tokens": 1}
        hostile.faults = [answered(usage)] * 100
        attacked.settings["models"]["hostile"] = {**ENDPOINT, "base_url": hostile.base_url}
        attacked.settings["budget"]["tokens_per_day"] = 10**6
        attacked.settings["worker"]["concurrent_explanations"] = 1
        attacked.capture(attack_span(1))
        attacked.work()
    assert attacked.status()["spent"]["tokens"] < 10**5
