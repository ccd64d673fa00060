"""The plug-ins of examples/plugins pass the contract suites of their seams; broken ones fail them.

Each is copied and tested as the readers of docs/contributing do it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.slow
SOURCE, TRACKER = "source", "tracker"
FILES = {SOURCE: "smile_trace_lantern/source.py", TRACKER: "smile_trace_lantern.py"}


def copy_files(plugin: str, folder: Path) -> None:
    """The plug-in and its tests."""
    shutil.copytree(ROOT / "examples" / "plugins" / plugin, folder, dirs_exist_ok=True)


def run_tests(folder: Path, chosen: str = "") -> "subprocess.CompletedProcess[str]":
    """Its tests, as the page's reader runs them; `chosen` is what `-k` takes."""
    path = os.pathsep.join([str(ROOT), str(folder), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_lantern.py"]
    return subprocess.run(
        [*command, *(["-k", chosen] if chosen else [])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("plugin", FILES)
def test_the_example_passes_the_contract(tmp_path: Path, plugin: str) -> None:
    copy_files(plugin, tmp_path)
    done = run_tests(tmp_path)
    assert done.returncode == 0, done.stdout


BROKEN = {
    SOURCE: [
        (
            "infos, until_ms = whole_milliseconds("
            'listed, lambda i: int(i["started_ms"]), until_ms)',
            "infos = listed(None)[0]",
            "test_the_pages_hold_every_trace_once_in_order",
        ),
        (
            "infos, until_ms = whole_milliseconds("
            'listed, lambda i: int(i["started_ms"]), until_ms)',
            'infos = listed(None)[0]; until_ms = min(until_ms, infos[-1]["started_ms"] + 1) '
            "if infos else until_ms",
            "test_one_millisecond_is_never_divided",
        ),
        ("if not is_ours(span)", "", "test_our_own_spans_are_left_out"),
        (
            ', **own_ids(LanternSource.name, trace_id, str(raw["id"]))}',
            "}",
            "test_its_ids_there_stand_on_every_span",
        ),
        ("with asking(), self", "with self", "test_a_status_is_a_sentence_and_it_goes_on"),
        ("max_reply_mb=options.max_reply_mb", "max_reply_mb=99", "test_a_huge_reply_is_not_read"),
        ('"project": place, ', '"project": "shop", ', "test_places_are_apart"),
        (
            'return re.fullmatch("[0-9a-f]{32}", trace_id) is not None',
            "return True",
            "test_an_id_is_known_by_its_form",
        ),
    ],
    TRACKER: [
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
}
"""What of an example is replaced, by what, and the test that fails then."""


@pytest.mark.parametrize(
    ("plugin", "right", "broken", "noticed_by"),
    [(plugin, *case) for plugin, cases in BROKEN.items() for case in cases],
)
def test_a_broken_example_fails_it(
    tmp_path: Path, plugin: str, right: str, broken: str, noticed_by: str
) -> None:
    copy_files(plugin, tmp_path)
    file = tmp_path / FILES[plugin]
    assert right in file.read_text()
    file.write_text(file.read_text().replace(right, broken))
    said = run_tests(tmp_path, noticed_by.partition("[")[0]).stdout
    assert f"FAILED test_lantern.py::TestLantern::{noticed_by}" in said
