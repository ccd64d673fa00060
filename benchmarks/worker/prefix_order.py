"""Requests per second of a local server, in the order in which a round is sent and in random order.

`python -m benchmarks.worker.prefix_order`. Prompts of 2,000 tokens for SmolLM2 135M on llama.cpp
with one slot and its prompt cache on: `last`, only the last prompt is kept; `default`, earlier ones
are kept in memory, too. Each order has a fresh server, and both are asked the same, round by round,
four tokens an answer. `sampled`: 20 documents, random masks. `exact`: 5 documents, every mask.
"""

import json
import multiprocessing
import random
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx

from benchmarks.worker.study_time import VOCABULARY
from smile_trace.attribution import PerturbationStudy
from smile_trace.models import Request
from smile_trace.models.llama_cpp.chat_model import chat_model_path
from smile_trace.models.openai_api import wire
from smile_trace.records import ExplanationSettings, Message, Prompted, Response

CASES = {"sampled": (20, 20), "exact": (5, 32)}
"""Documents, and calls at most."""

WORDS = 1280
MEMORY = {"last": 0, "default": 8192}
"""MiB for the prompts before the last."""

RESULT = Path(__file__).parent / "results" / "prefix_order.json"

Round = list[wire.Item]


def prompt(documents: int) -> str:
    """Documents of one sentence each, and a question."""
    chosen = random.Random(documents)
    texts = [" ".join(chosen.choices(VOCABULARY, k=WORDS // documents)) for _ in range(documents)]
    shown = "\n".join(f"<document>{text.capitalize()}.</document>" for text in texts)
    return f"{shown}\n\nWhat do these documents say?"


def rounds(text: str, calls: int) -> Iterator[Round]:
    """The requests of each round of a study whose answers move with the first document."""
    prompted = Prompted(messages=(Message(role="user", content=text),))
    study = PerturbationStudy(
        prompted,
        ExplanationSettings(model="planted", unit="document", budget=calls, signal="text"),
        answer="It is blue.",
        signal="text",
        deterministic=True,
        remote=False,
    )
    first = text[:200]
    while rows := study.ask():
        yield [_item(Request(messages=row.messages, parameters={})) for row in rows]
        colors = ["blue" if first in row.messages[0].content else "red" for row in rows]
        told = [Response(text=f"It is {color}.") for color in colors]
        study.tell(list(zip(rows, told, strict=True)))


def _item(request: Request) -> wire.Item:
    sent = wire.parameters(request, form="chat", limit={"max_tokens": 4})
    body = {"temperature": 0, **wire.question(request.messages, form="chat"), **sent}
    return wire.Item(request, wire.PATHS["chat"], body)


def as_sent(one: Round) -> Round:
    """The round in the order in which an endpoint is sent it."""
    return [item for batch in wire.batches(one, size=1) for item in batch.items]


def shuffled(one: Round) -> Round:
    """The round in random order."""
    return random.Random(0).sample(one, len(one))


def measured(sent: Sequence[Round], memory: int) -> dict[str, float]:
    """Of a fresh server: requests per second, tokens of a request and those that were computed."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, memory))
    server.start()
    took, tokens, computed = 0.0, 0, 0
    requests = [item for one in sent for item in one]
    try:
        with httpx.Client(base_url=f"{ours.recv()}/v1", timeout=600) as client:
            for item in requests:
                began = time.perf_counter()
                reply: dict[str, Any] = client.post(item.path, json=item.body).json()
                took += time.perf_counter() - began
                tokens += reply["usage"]["prompt_tokens"]
                computed += reply["timings"]["prompt_n"]
    finally:
        server.kill()
    count = len(requests)
    return {"per_second": count / took, "tokens": tokens / count, "computed": computed / count}


def _serve(address: Connection, memory: int) -> None:
    import xllamacpp  # type: ignore[import-untyped]

    params = xllamacpp.CommonParams()
    params.model.path = str(chat_model_path())
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel, params.cache_ram_mib = 4096, 1, memory
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.use_jinja, params.verbosity = True, 1
    server = xllamacpp.Server(params)
    address.send(server.listening_address)
    time.sleep(3600)


def main() -> None:
    """Measure, keep and print."""
    rows = []
    print("| masks | kept | requests | tokens | computed: random | as sent | times as many/s |")
    print("|---|---|---|---|---|---|---|")
    for (name, (documents, calls)), (kept, memory) in (
        (case, cache) for cache in MEMORY.items() for case in CASES.items()
    ):
        asked = list(rounds(prompt(documents), calls))
        before = measured([shuffled(one) for one in asked], memory)
        after = measured([as_sent(one) for one in asked], memory)
        ratio = after["per_second"] / before["per_second"]
        row = {"masks": name, "kept": kept, "requests": sum(map(len, asked)), "ratio": ratio}
        rows.append({**row, "random": before, "as_sent": after})
        counts = f"{before['tokens']:.0f} | {before['computed']:.0f} | {after['computed']:.0f}"
        print(f"| {name} | {kept} | {row['requests']} | {counts} | {ratio:.2f} |", flush=True)
        RESULT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
