"""Measures one subject in this process and prints one JSON object.

`python -m benchmarks.capture.measure SUBJECT CHARACTERS`; times in microseconds.
"""

import json
import os
import resource
import sys
import time

PACE_SECONDS = 0.002
TEXT = "The quick brown fox - jumps over the lazy dog (twice, as it likes to); and then, it rests. "


def quantiles(times: list[int]) -> dict[str, float]:
    """Median and 99th percentile."""
    times.sort()
    return {"p50": times[len(times) // 2] / 1e3, "p99": times[len(times) * 99 // 100] / 1e3}


def main() -> None:
    """Loads the subject, warms it up, measures paced and tight."""
    subject, characters = sys.argv[1], int(sys.argv[2])
    paced, tight = (int(os.environ.get(name, n)) for name, n in (("PACED", 2000), ("TIGHT", 5000)))
    prompt = (TEXT * (characters // len(TEXT) + 1))[:characters]
    began = time.perf_counter()
    from benchmarks.capture.subjects import SUBJECTS

    ask = SUBJECTS[subject]()
    ask(prompt)
    loaded = time.perf_counter() - began

    def run(calls: int, pace: float) -> list[int]:
        times = []
        for _ in range(calls):
            start = time.perf_counter_ns()
            ask(prompt)
            times.append(time.perf_counter_ns() - start)
            if pace:
                time.sleep(pace)
        return times

    run(200, 0)
    cpu = time.process_time()
    slow = quantiles(run(paced, PACE_SECONDS))
    cpu = (time.process_time() - cpu) / paced
    fast = quantiles(run(tight, 0))
    print(
        json.dumps(
            {
                "subject": subject,
                "characters": characters,
                "paced": slow,
                "tight": fast,
                "cpu": cpu * 1e6,
                "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "load_seconds": loaded,
            }
        ),
        flush=True,
    )
    os._exit(0)  # what a subject still has queued is not what is measured here


main()
