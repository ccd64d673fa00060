"""A subject in a process of its own, which makes a block of calls whenever it is told to.

`python -m benchmarks.capture.measure SUBJECT` says on stdout what loading took, then reads blocks
from stdin, a JSON object a line (`characters` of the prompt, `calls`, `pause` after each in
seconds), and answers each with one.
"""

import json
import os
import resource
import sys
import time

TEXT = "The quick brown fox - jumps over the lazy dog (twice, as it likes to); and then, it rests. "
PROMPTS = 50


def prompts(characters: int) -> list[str]:
    """Prompts that differ from the first character on, as those of an application do."""
    text = TEXT * (characters // len(TEXT) + 1)
    return [f"{number}: {text}"[:characters] for number in range(PROMPTS)]


def main() -> None:
    """Loads the subject, then measures block by block; times in microseconds."""
    began = time.perf_counter()
    from benchmarks.capture.subjects import SUBJECTS

    ask = SUBJECTS[sys.argv[1]]()
    ask("a prompt")
    print(json.dumps({"load_seconds": time.perf_counter() - began}), flush=True)
    for line in sys.stdin:
        block = json.loads(line)
        given, pause, times = prompts(block["characters"]), block["pause"], []
        cpu = time.process_time()
        for number in range(block["calls"]):
            prompt = given[number % PROMPTS]
            start = time.perf_counter_ns()
            ask(prompt)
            times.append(time.perf_counter_ns() - start)
            if pause:
                time.sleep(pause)
        cpu = (time.process_time() - cpu) / block["calls"]
        times.sort()
        figures = {
            "p50": times[len(times) // 2] / 1e3,
            "p99": times[len(times) * 99 // 100] / 1e3,
            "cpu": cpu * 1e6,
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        print(json.dumps(figures), flush=True)
    os._exit(0)  # what a subject still has queued is not what is measured here


if __name__ == "__main__":
    main()
