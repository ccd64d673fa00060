"""The tracker of docs/contributing/tracker.md passes the contract suite; broken ones fail it."""

from pathlib import Path

import pytest

from tests.support.contributing_pages import run_tests, write_files

pytestmark = pytest.mark.slow
PAGE = "tracker.md"


def test_the_pages_tracker_passes_the_contract(tmp_path: Path) -> None:
    assert write_files(PAGE, tmp_path) == [
        "smile_trace_lantern.py",
        "test_lantern.py",
    ]
    done = run_tests(tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("right", "broken", "noticed_by"),
    [
        (
            '"id": f"{place.trace_id}:{view.span_id}"',
            '"id": __import__("uuid").uuid4().hex',
            "test_delivered_twice_is_visible_once",
        ),
        (
            '"id": f"{place.trace_id}:{view.span_id}"',
            '"id": __import__("uuid").uuid4().hex',
            "test_a_delivery_that_was_cut_off_is_completed[True]",
        ),
        (
            "    def close(self)",
            "    def settle(self, results):\n"
            "        return super().settle(results)[::-1]\n\n"
            "    def close(self)",
            "test_traces_get_receipts_in_their_order",
        ),
        (
            '        self._ingest([("span-create", explained)])\n',
            "",
            "test_delivered_twice_is_visible_once",
        ),
        (
            "if not rejected.missing:",
            "if True:",
            "test_a_forgotten_trace_is_gone_where_declared",
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
    file = tmp_path / "smile_trace_lantern.py"
    assert right in file.read_text()
    file.write_text(file.read_text().replace(right, broken))
    assert f"FAILED test_lantern.py::TestLantern::{noticed_by}" in run_tests(tmp_path).stdout
