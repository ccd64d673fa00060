"""Calls per second: the worker's explaining beside the bare local server, asked the same.

`python -m benchmarks.worker.calls` (variables `CALLS`, `ROUNDS`). In each round, in turns: the
real worker (spool, store, ledger, engine) explains a few logged calls with the packaged model,
and the very requests that it sent are sent again, in their order, to a fresh bare server: one
list request after the other, and as many at once as the worker had. For the signal `text`
(answers are generated), for `probability` (the logged answer is scored by forced decoding), and
for `proxy` (the packaged model scores as the proxy of another one, which answers at once and is
not counted).
"""

import asyncio
import itertools
import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from smile_trace.models.kinds.endpoint import EndpointSettings
from smile_trace.models.kinds.local import LocalModel, LocalSettings
from smile_trace.models.transport import Transport
from smile_trace.settings import Settings
from tests.support.planted import serving
from tests.support.spooled import call_span, write_spool

CALLS, ROUNDS = (int(os.environ.get(n, d)) for n, d in (("CALLS", "8"), ("ROUNDS", "2")))
BUDGET, PROXY_BUDGET, AT_ONCE = 40, 80, 4
MODEL = LocalSettings(kind="local", packaged="demo-completion", slots=8, max_tokens=8)
CASES = Path(__file__).parents[2] / "tests" / "data" / "driver_cases.json"

Sent = tuple[str, dict[str, Any]]
"""An address of llama.cpp and the body that went there."""


def prompts() -> list[str]:
    """Some 20 words each: one answered case, and another one to answer."""
    cases = json.loads(CASES.read_text())["cases"]
    pairs = itertools.islice(itertools.permutations(cases, 2), 0, None, len(cases))
    texts = [f"{one['prompt']} {one['answer']}.\n{other['prompt']}" for one, other in pairs]
    return texts[:CALLS]


def seconds_of_processor() -> tuple[float, float]:
    """Of this process, and of its children that have ended (the model)."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own, children = (one.ru_utime + one.ru_stime for one in used)
    return own, children


def logged() -> list[tuple[str, str]]:
    """The prompts, each with what the model really answers."""
    model = LocalModel("demo", MODEL)
    server = model.start()
    found = []
    for prompt in prompts():
        body = {"prompt": prompt, "max_tokens": MODEL.max_tokens, "temperature": 0}
        reply = httpx.post(f"{server}/completions", json=body, timeout=60).json()
        found.append((prompt, str(reply["choices"][0]["text"])))
    model.close()
    return found


def worker(home: str, signal: str, calls: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A worker's whole work on those calls, in a process of its own."""
    if signal != "proxy":
        return explaining(
            home, {"demo-completion": MODEL}, {"signal": signal}, "demo-completion", calls
        )
    answers = dict(calls)
    with serving(lambda prompt: answers.get(prompt, "")) as server:
        target = EndpointSettings(
            kind="endpoint",
            base_url=server.base_url,
            temperature_zero_is_deterministic=True,
            proxy="demo-completion",
        )
        return explaining(home, {"demo-completion": MODEL, "target": target}, {}, "target", calls)


def explaining(
    home: str,
    models: dict[str, Any],
    explain: dict[str, Any],
    model: str,
    calls: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """What the worker sent to the packaged model, the seconds from the first request to the last
    explanation, and the seconds of processor that it took itself.
    """
    from sqlalchemy import select

    from smile_trace.store import Store
    from smile_trace.store.tables import explanations
    from smile_trace.worker.run import run

    settings = Settings(
        home=Path(home),
        models=models,
        sampling={"rate": 1.0},
        budget={
            "calls_per_explanation": BUDGET,
            "proxy_calls_per_explanation": PROXY_BUDGET,
            "calls_per_day": "none",
            "usd_per_day": "none",
        },
        explain=explain,
        worker={"concurrent_explanations": AT_ONCE},
    )
    write_spool(
        settings.spool,
        [
            call_span(n, prompt=prompt, answer=answer, model=model)
            for n, (prompt, answer) in enumerate(calls, 1)
        ],
    )
    sent: list[Sent] = []
    began: list[tuple[float, float]] = []
    spans: list[tuple[float, float]] = []
    post = Transport.post

    async def noting(self: Transport, path: str, body: dict[str, Any]) -> object:
        if not began:
            began.append((time.time(), seconds_of_processor()[0]))
        if "prompt" in body:
            sent.append((path.rpartition("/")[2], dict(body)))
        start = time.time()
        try:
            return await post(self, path, body)
        finally:
            if "messages" not in body:
                spans.append((start, time.time()))

    Transport.post = noting  # type: ignore[method-assign, assignment]
    status = run(settings, once=True, trackers=[])
    assert status.explained == len(calls), status
    with Store.open(settings) as store, store.database.read() as connection:
        ended = max(connection.execute(select(explanations.c.created_at)).scalars())
    own, _ = seconds_of_processor()
    return {
        "sent": sent,
        "seconds": ended - began[0][0],
        "busy": covered(spans) / (ended - began[0][0]),
        "own_cpu": own - began[0][1],
        "reliable": status.reliable,
    }


def covered(spans: Sequence[tuple[float, float]]) -> float:
    """How long at least one of these spans of time was under way."""
    total, until = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def bare(sent: Sequence[Sent], at_once: int) -> dict[str, Any]:
    """The same requests to a fresh server, `at_once` of them in flight."""
    model = LocalModel("demo", MODEL)
    server = model.start().removesuffix("/v1")

    async def send() -> float:
        slots = asyncio.Semaphore(at_once)

        async def one(path: str, body: dict[str, Any]) -> None:
            async with slots:
                reply = await client.post(f"{server}/{path}", json=body)
                reply.raise_for_status()

        async with httpx.AsyncClient(timeout=600) as client:
            began = time.monotonic()
            await asyncio.gather(*(one(path, body) for path, body in sent))
            return time.monotonic() - began

    seconds = asyncio.run(send())
    model.close()
    return {"seconds": seconds}


def in_a_process(function: Any, *arguments: Any) -> Any:
    """What a function gives when it runs in a fresh process; `model_cpu` beside it."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_with_model_cpu, (function, *arguments))


def _with_model_cpu(function: Any, *arguments: Any) -> dict[str, Any]:
    found: dict[str, Any] = function(*arguments)
    return {**found, "model_cpu": seconds_of_processor()[1]}


def count(sent: Sequence[Sent]) -> int:
    """How many prompts were asked."""
    return sum(len(b["prompt"]) if isinstance(b["prompt"], list) else 1 for _, b in sent)


def measure(signal: str, calls: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """All rounds of one signal; the medians of their figures."""
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as home:
            own = in_a_process(worker, home, signal, calls)
        turn = in_a_process(bare, own["sent"], 1)
        once = in_a_process(bare, own["sent"], AT_ONCE)
        rounds.append(compare(own, turn, once))
    return {
        "signal": signal,
        "explanations": len(calls),
        **{name: round(statistics.median(r[name] for r in rounds), 3) for name in rounds[0]},
        "ratios": [round(r["ratio"], 3) for r in rounds],
    }


def compare(own: dict[str, Any], turn: dict[str, Any], once: dict[str, Any]) -> dict[str, float]:
    """One round's figures.

    `ratio` is by the clock, to the faster of the two bare runs. `of_the_model` is what a loaded
    machine hardly touches: the share of the time in which the server had something to do, times
    the model's seconds of processor per call in the bare run over those in the worker's.
    """
    asked = count(own["sent"])
    faster = min(turn, once, key=lambda run: float(run["seconds"]))
    return {
        "calls": asked,
        "worker_per_second": asked / own["seconds"],
        "bare_in_turn_per_second": asked / turn["seconds"],
        "bare_at_once_per_second": asked / once["seconds"],
        "ratio": faster["seconds"] / own["seconds"],
        "busy": own["busy"],
        "of_the_model": own["busy"] * min(1.0, faster["model_cpu"] / own["model_cpu"]),
        "worker_cpu_ms_per_call": own["own_cpu"] / asked * 1e3,
        "model_cpu_ms_per_call": own["model_cpu"] / asked * 1e3,
        "bare_model_cpu_ms_per_call": faster["model_cpu"] / asked * 1e3,
    }


def main() -> None:
    """Prints one JSON object."""
    calls = logged()
    figures = [measure(signal, calls) for signal in ("text", "probability")]
    figures.append(measure("proxy", calls[: max(1, CALLS // 2)]))  # each asks twice as often
    print(json.dumps({"calls": figures}))


if __name__ == "__main__":
    main()
