"""`make record`: the packaged models' answers to what the tests ask are recorded.

Runs the tests that ask them. What was recorded is replayed, what is new is asked of the real
llama.cpp, and what no test asks any more is dropped, unless only some tests are named.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.support.replaying.xllamacpp import ANSWERS, RECORD, Entry, key, read


def main() -> int:
    """Record; gives the exit status of the tests, of which none may fail."""
    with tempfile.TemporaryDirectory(prefix="model-answers-") as folder:
        command = [sys.executable, "-m", "pytest", "-m", "model and not slow", *sys.argv[1:]]
        status = subprocess.run(command, env={**os.environ, RECORD: folder}).returncode
        found = [json.loads(line) for file in Path(folder).iterdir() for line in file.open("rb")]
    if status or sys.argv[1:]:
        found = [*read(), *found]  # what was not asked this time stays
    write(found)
    return status


def write(entries: Iterable[Entry]) -> None:
    """Replace the recording; where two entries answer the same, the first one holds."""
    first: dict[str, Entry] = {}
    for one in entries:
        first.setdefault(key(one["model"], one["path"], one["body"]), one)
    lines = [json.dumps(one, ensure_ascii=False) + "\n" for _, one in sorted(first.items())]
    with ANSWERS.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        packed.write("".join(lines).encode())
    print(f"{len(lines)} answers, {ANSWERS.stat().st_size / 1024:,.0f} kB in {ANSWERS}")


if __name__ == "__main__":
    sys.exit(main())
