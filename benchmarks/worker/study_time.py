"""Everything that is not the model: what a study's arithmetic takes, on one core.

`python -m benchmarks.worker.study_time` (variable `STUDIES`). Planted answers that come at once;
each study in a process of its own that is pinned to one core, after start-up (one small study).
What the sentence vectors of the answers take of it stands beside (`vectors_cpu`).
Then the whole worker (spool, store, ledger, engine, HTTP to a planted server on another core),
one explanation after the other.
"""

import itertools
import json
import multiprocessing
import os
import re
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STUDIES = int(os.environ.get("STUDIES", "5"))
VOCABULARY = list(
    dict.fromkeys(re.findall(r"[a-z]{3,}", (Path(__file__).parents[2] / "LICENSE").read_text()))
)
ANSWER_WORDS = 100

LIMITED = ("40 words, 40 calls, text", "400 segments, 440 calls, text")
"""The cases that a limit is aimed at."""

CASES: dict[str, tuple[int, int, str, float]] = {
    "40 words, 40 calls, text": (40, 40, "text", 0.0),
    "40 words, 40 calls, text, sampled": (40, 40, "text", 0.8),
    "40 words, 40 calls, probability": (40, 40, "probability", 0.0),
    "400 words, 60 calls, text": (400, 60, "text", 0.0),
    "400 segments, 440 calls, text": (400, 440, "text", 0.0),
}
"""Words of the prompt, budget, signal, temperature."""


def prompt(words: int, number: int = 0) -> str:
    """That many words in sentences of ten."""
    count = len(VOCABULARY)
    chosen = [VOCABULARY[(k * 7 + number * 31) % count] for k in range(words)]
    return " ".join(f"{word}." if k % 10 == 9 else word for k, word in enumerate(chosen))


def answer(text: str, whole: str) -> str:
    """A hundred words, each of which depends on a word of the prompt (`whole`) being there."""
    kept, asked = set(text.replace(".", "").split()), whole.replace(".", "").split()
    return " ".join(
        VOCABULARY[(3 * k + (0 if asked[k % len(asked)] in kept else 200)) % len(VOCABULARY)]
        for k in range(ANSWER_WORDS)
    )


def study(words: int, budget: int, signal: str, temperature: float, number: int) -> dict[str, Any]:
    """One study: seconds of each round and at the end, by the clock and of processor."""
    from threadpoolctl import threadpool_limits

    from smile_trace.attribution import PerturbationStudy
    from smile_trace.records import ExplanationSettings, Message, Prompted, Response

    whole = prompt(words, number)
    logged = answer(whole, whole)
    prompted = Prompted(
        messages=(Message(role="user", content=whole),), parameters={"temperature": temperature}
    )

    def respond(text: str) -> Response:
        if signal == "text":
            return Response(text=answer(text, whole))
        share = len(text) / len(whole)
        tokens = tuple(logged.split())
        return Response(text=logged, tokens=tokens, logprobs=(share - 1.1,) * len(tokens))

    laps: list[tuple[float, float]] = []

    def lap(work: Callable[[], Any]) -> Any:
        began, used = time.perf_counter(), time.process_time()
        with threadpool_limits(limits=1, user_api="blas"):
            result = work()
        laps.append((time.perf_counter() - began, time.process_time() - used))
        return result

    one: Any = lap(
        lambda: PerturbationStudy(
            prompted,
            ExplanationSettings(model="planted", unit="word", budget=budget, signal=signal),
            answer=logged,
            signal=signal,
            deterministic=not temperature,
            remote=False,
        )
    )
    while asked := lap(one.ask):
        pairs = [(row, respond(row.messages[0].content)) for row in asked]
        lap(lambda pairs=pairs: one.tell(pairs))
    lap(one.result)
    # A round is its tell and the ask after it; the last one ends with the result.
    wall, cpu = ([each[clock] for each in laps] for clock in (0, 1))

    def slowest(times: list[float]) -> float:
        return max((times[k] + times[k + 1] for k in range(2, len(times) - 3, 2)), default=0.0)

    return {
        "seconds": sum(wall),
        "cpu": sum(cpu),
        "slowest_round_before_the_last": slowest(wall),
        "slowest_round_cpu": slowest(cpu),
    }


def _counted_vectors() -> list[float]:
    """Seconds of processor of each sentence vector that is computed from now on."""
    from smile_trace.attribution import word_vectors

    taken, embed = list[float](), word_vectors._model()

    def timed(texts: list[str]) -> Any:
        used = time.process_time()
        found = embed(texts)
        taken.extend([(time.process_time() - used) / len(texts)] * len(texts))
        return found

    word_vectors._model = lambda: timed  # type: ignore[assignment]
    return taken


def studies(case: str) -> dict[str, Any]:
    """Some studies of one case, in this process on one core; medians, and the memory."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    words, budget, signal, temperature = CASES[case]
    study(12, 16, signal, temperature, 0)  # start-up
    vectors = _counted_vectors()
    count = STUDIES if budget < 100 else 1  # the largest takes half a minute
    runs = []
    for number in range(count):
        vectors.clear()
        run = study(words, budget, signal, temperature, number)
        runs.append({**run, "vectors_cpu": sum(vectors), "vectors": len(vectors)})
    figures = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {"case": case, **figures, "peak_mb": peak}


def rows() -> dict[str, tuple[float, float]]:
    """CPU seconds of a study of the cases that a limit is aimed at, beside those that its sentence
    vectors take of them: as many texts in every run, which tells how fast the processor was."""
    found = [_apart(case) for case in LIMITED]
    return {f"a study of {one['case']}": (one["cpu"], one["vectors_cpu"]) for one in found}


def _apart(case: str) -> dict[str, Any]:
    """The studies of a case in a process of their own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(studies, (case,))


def whole_worker() -> dict[str, Any]:
    """The worker explaining one call after the other, per explanation of 40 calls."""
    from sqlalchemy import select

    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.store.tables import explanations
    from smile_trace.worker.run import run
    from tests.support.spooled import call_span, write_spool

    context = multiprocessing.get_context("spawn")
    address, theirs = context.Pipe()
    server = context.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    url = address.recv()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(
            home=Path(home),
            models={
                "planted": {
                    "kind": "endpoint",
                    "base_url": url,
                    "temperature_zero_is_deterministic": True,
                }
            },
            sampling={"rate": 1.0},
            budget={"calls_per_day": "none", "usd_per_day": "none", "usd_per_explanation": "none"},
            worker={"concurrent_explanations": 1},
        )
        write_spool(
            settings.spool,
            [
                call_span(
                    n,
                    prompt=prompt(40, n),
                    answer=answer(prompt(40, n), prompt(40, n)),
                    **{"gen_ai.request.temperature": 0.0},
                )
                for n in range(1, STUDIES + 2)
            ],
        )
        used: list[float] = []
        status = run(
            settings, once=True, trackers=[], progress=lambda _: used.append(time.process_time())
        )
        assert status.explained == STUDIES + 1, status
        with Store.open(settings) as store, store.database.read() as connection:
            times = sorted(connection.execute(select(explanations.c.created_at)).scalars())
    server.terminate()
    each = [after - before for before, after in itertools.pairwise(times)]
    return {
        "case": "the whole worker, 40 words, 40 calls, text",
        "seconds": statistics.median(each),
        "cpu": (used[-1] - used[0]) / (STUDIES + 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def serve(address: Any) -> None:
    """The planted server, in a process of its own; the prompt's number is in its first words."""
    from tests.support.planted import serving

    whole = {prompt(40, n)[:12]: prompt(40, n) for n in range(1, STUDIES + 2)}
    longest = list(whole.values())

    def said(text: str) -> str:
        words = set(text.replace(".", "").split())
        likeliest = max(longest, key=lambda w: len(words & set(w.replace(".", "").split())))
        return answer(text, likeliest)

    with serving(said) as server:
        address.send(server.base_url)
        time.sleep(3600)


def main() -> None:
    """Prints one JSON object."""
    print(json.dumps({"study_time": [*map(_apart, CASES), whole_worker()]}))


if __name__ == "__main__":
    main()
