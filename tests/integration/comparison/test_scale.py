"""Many explained calls: seconds and memory of one comparison."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from smile_trace.store import Store
from tests.support.planted_prompts import AFTER, BEFORE, EFFECTS, plant, settings_in

CALLS = 20_000
"""A fifth of those in docs/comparison.md: more take time, but no memory."""

_COMPARE = """
import json, re, sys, time
from pathlib import Path
from smile_trace.settings import Settings
from smile_trace.comparison import compare
start = time.perf_counter()
found = compare("answer", budget=0, settings=Settings(home=Path(sys.argv[1])))
print(json.dumps({
    "seconds": time.perf_counter() - start,
    "gigabytes": int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
    / 2**20,
    "explained": [version.explained for version in found.versions],
    "sampled_of": [version.sampled_of for version in found.versions],
}))
"""


@pytest.mark.slow
def test_twenty_thousand_explained_calls(tmp_path: Path) -> None:
    store = Store.open(settings_in(tmp_path))
    for version, template in (("1", BEFORE), ("2", AFTER)):
        questions = [{"question": f"{version} {k} " + "long " * 100} for k in range(CALLS // 2)]
        plant(store, "answer", version, template, questions, effects=EFFECTS)
    store.close()
    ran = subprocess.run(
        [sys.executable, "-c", _COMPARE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    found = json.loads(ran.stdout)
    print(found)  # the seconds depend on what else runs here
    assert found["sampled_of"] == [CALLS // 2] * 2
    assert found["explained"] == [5000, 5000]
    assert found["gigabytes"] < 1
