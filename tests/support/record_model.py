"""`make record`: the packaged models' answers to what the tests ask, recorded anew.

Runs the tests that ask them, against the real llama.cpp, and replaces the recording.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.replaying.xllamacpp import ANSWERS, RECORD, key


def main() -> int:
    """Record; gives the exit status of the tests, of which none may fail."""
    with tempfile.TemporaryDirectory(prefix="model-answers-") as folder:
        command = [sys.executable, "-m", "pytest", "-m", "model and not slow", *sys.argv[1:]]
        status = subprocess.run(command, env={**os.environ, RECORD: folder}).returncode
        if status:
            print("the recording is as it was: a test failed")
            return status
        found = [json.loads(line) for file in Path(folder).iterdir() for line in file.open("rb")]
    first = {key(one["model"], one["path"], one["body"]): one for one in reversed(found)}
    lines = [json.dumps(one, ensure_ascii=False) + "\n" for _, one in sorted(first.items())]
    with ANSWERS.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        packed.write("".join(lines).encode())
    print(f"{len(lines)} answers, {ANSWERS.stat().st_size / 1024:,.0f} kB in {ANSWERS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
