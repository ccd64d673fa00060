"""What a worker in the tests works on: settings, captured calls, and the planted answer."""

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from smile_trace.settings import Settings
from tests.support.planted import PlantedServer
from tests.support.spooled import call_span, write_spool

WORD = "refund"
PROMPT = f"please give me my {WORD} now or else"


def planted_answer(prompt: str) -> str:
    """All of the answer depends on one word."""
    return "your money comes back" if WORD in prompt else "hello there, good morning"


def slow_answer(prompt: str) -> str:
    """The planted answer, after 50 ms."""
    time.sleep(0.05)
    return planted_answer(prompt)


def settings_tables(base_url: str, tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The tests' settings as tables."""
    settings: dict[str, Any] = {
        "models": {
            "planted": {
                "kind": "endpoint",
                "base_url": base_url,
                "temperature_zero_is_deterministic": True,
                "retries": 0,
            }
        },
        "sampling": {"rate": 1.0},
        "budget": {"calls_per_explanation": 20, "usd_per_explanation": None},
        "worker": {"poll_seconds": 0.1},
    }
    for name, table in tables.items():
        settings[name] = {**settings.get(name, {}), **table}
    return settings


def capture(settings: Settings, *numbers: int, prompt: str = PROMPT) -> None:
    """Finished calls in one spool file; no two have a word in common."""
    write_spool(
        settings.spool,
        [
            call_span(
                n,
                prompt=" ".join(f"{word}{n}" for word in prompt.split()),
                answer=planted_answer(prompt),
                **{"gen_ai.request.temperature": 0.0},  # type: ignore[arg-type]
            )
            for n in numbers
        ],
        f"{numbers[0]}.jsonl",
    )


def requests_sent(server: PlantedServer) -> Counter[str]:
    """How often each request was sent."""
    return Counter(json.dumps(body["messages"]) for body in server.bodies)


def wait_for(condition: Callable[[], object], seconds: float = 300.0) -> None:
    """Wait until it is so; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
