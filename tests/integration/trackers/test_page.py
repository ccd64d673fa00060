"""The tracker of docs/contributing/tracker.md passes the contract suite; broken ones fail it."""

from pathlib import Path

import pytest

from tests.support.contributing_pages import run_tests, write_files

pytestmark = pytest.mark.slow
PAGE = "tracker.md"


def test_the_pages_tracker_passes_the_contract(tmp_path: Path) -> None:
    assert write_files(PAGE, tmp_path) == [
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
    write_files(PAGE, tmp_path)
    [file] = [f for f in (tmp_path / "smile_trace_lantern").iterdir() if right in f.read_text()]
    file.write_text(file.read_text().replace(right, broken))
    assert f"FAILED test_lantern.py::TestLantern::{noticed_by}" in run_tests(tmp_path).stdout
