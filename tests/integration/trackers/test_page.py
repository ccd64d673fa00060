"""The tracker of docs/contributing/tracker.md passes the contract suite; broken ones fail it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "contributing" / "tracker.md"


def write_files(folder: Path) -> list[str]:
    """The page's files; each Python block begins with the path of its file."""
    names = []
    for block in re.findall(r"^```python\n# (\S+)\n(.*?)^```$", PAGE.read_text(), re.M | re.S):
        name, content = block
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        names.append(name)
    return names


def run_tests(folder: Path) -> subprocess.CompletedProcess[str]:
    """The page's tests, as the author of a tracker runs them."""
    (folder / "smile_trace_lantern" / "__init__.py").touch()
    path = os.pathsep.join([str(PAGE.parents[2]), str(folder), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_lantern.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


def test_the_pages_tracker_passes_the_contract(tmp_path: Path) -> None:
    assert write_files(tmp_path) == [
        "smile_trace_lantern/client.py",
        "smile_trace_lantern/tracker.py",
        "test_lantern.py",
    ]
    done = run_tests(tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("right", "broken", "noticed_by"),
    [
        (
            '"id": f"{call.id}:explanation"',
            '"id": __import__("uuid").uuid4().hex',
            "test_delivered_twice_is_visible_once",
        ),
        (
            "for b in batches for result in deliver_batch(b, self._send)])",
            "for b in batches for result in deliver_batch(b, self._send)])[::-1]",
            "test_traces_get_receipts_in_their_order",
        ),
        (
            "for b in batches for result in deliver_batch(b, self._send)]",
            "for b in batches for result in self._send(b)]",
            "test_a_rejected_trace_holds_up_no_other",
        ),
        (
            "        self._client.ingest(list(explanation_events(item)))",
            "        for event in explanation_events(item):\n            break",
            "test_a_delivery_that_was_cut_off_is_completed",
        ),
        (
            'for error in answer["errors"]:',
            "for error in []:",
            "test_a_rejected_trace_holds_up_no_other[item]",
        ),
    ],
)
def test_a_broken_tracker_fails_it(
    tmp_path: Path, right: str, broken: str, noticed_by: str
) -> None:
    write_files(tmp_path)
    [file] = [f for f in (tmp_path / "smile_trace_lantern").iterdir() if right in f.read_text()]
    file.write_text(file.read_text().replace(right, broken))
    assert f"FAILED test_lantern.py::TestLantern::{noticed_by}" in run_tests(tmp_path).stdout
