"""What a server with a prompt cache computes of a study's requests, in the order in which they are
sent, as they are drawn, and in random order.

`python -m benchmarks.worker.prefix_order`. Prompts of some 1,300 words, about 2,000 tokens, are
perturbed round by round. `last`: the server keeps the last prompt, and computes the words after
what the next one shares with it; `all`: it keeps every prompt. `sampled`: 20 documents, random
masks. `exact`: 5 documents, every mask. With `--serve` the same is asked of SmolLM2 135M on
llama.cpp (one slot, no memory for prompts before the last): requests per second, and its own count.
"""

import argparse
import json
import multiprocessing
import random
import time
from collections.abc import Iterator, Sequence
from itertools import takewhile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx

from benchmarks.worker.study_time import VOCABULARY
from smile_trace.attribution import PerturbationStudy
from smile_trace.models import Request, openai_wire
from smile_trace.models.packaged import chat_model_path
from smile_trace.records import ExplanationSettings, Message, Prompted, Response

CASES = {"sampled": (20, 20), "exact": (5, 32)}
"""Documents, and calls at most."""

WORDS = 1280
RESULT = Path(__file__).parent / "results" / "prefix_order.json"

Round = list[openai_wire.Item]


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


def _item(request: Request) -> openai_wire.Item:
    sent = openai_wire.parameters(request, form="chat", limit={"max_tokens": 4})
    body = {"temperature": 0, **openai_wire.question(request.messages, form="chat"), **sent}
    return openai_wire.Item(request, openai_wire.PATHS["chat"], body)


def as_sent(one: Round) -> Round:
    """The round in the order in which an endpoint is sent it."""
    return [item for batch in openai_wire.batches(one, size=1) for item in batch.items]


def shuffled(one: Round) -> Round:
    """The round in random order."""
    return random.Random(0).sample(one, len(one))


def computed(sent: Sequence[Round], *, keeps_all: bool) -> float:
    """The share of all words that the server computes."""
    texts = [str(item.body["messages"][0]["content"]).split(" ") for one in sent for item in one]  # type: ignore[index, call-overload]
    known: list[list[str]] = []
    done = 0
    for text in texts:
        done += len(text) - max((_shared(text, old) for old in known), default=0)
        known = [*known, text] if keeps_all else [text]
    return done / sum(map(len, texts))


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def measured(sent: Sequence[Round]) -> dict[str, float]:
    """Of a fresh server: requests per second, tokens of a request and those that were computed."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,))
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


def _serve(address: Connection) -> None:
    import xllamacpp  # type: ignore[import-untyped]

    params = xllamacpp.CommonParams()
    params.model.path = str(chat_model_path())
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel, params.cache_ram_mib = 4096, 1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.use_jinja, params.verbosity = True, 1
    server = xllamacpp.Server(params)
    address.send(server.listening_address)
    time.sleep(3600)


ORDERS = {"random": shuffled, "drawn": list, "sent": as_sent}


def main() -> None:
    """Count, measure where that is asked for, keep and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="ask llama.cpp, too")
    serve = parser.parse_args().serve
    rows: list[dict[str, Any]] = []
    print("| masks | order | computed: keeps the last | keeps all |\n|---|---|---|---|")
    for masks, (documents, calls) in CASES.items():
        asked = list(rounds(prompt(documents), calls))
        for name, order in ORDERS.items():
            sent = [order(one) for one in asked]
            last, every = (computed(sent, keeps_all=kept) for kept in (False, True))
            rows.append({"masks": masks, "order": name, "last": last, "all": every})
            if serve:
                rows[-1] |= measured(sent)
            print(f"| {masks} | {name} | {last:.0%} | {every:.0%} |", flush=True)
    RESULT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
