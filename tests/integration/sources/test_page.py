"""The source of docs/contributing/source.md passes the contract suite; broken ones fail it."""

from pathlib import Path

import pytest

from tests.support.contributing_pages import run_tests, write_files

PAGE = "source.md"


@pytest.mark.slow
def test_the_pages_source_passes_the_contract(tmp_path: Path) -> None:
    assert write_files(PAGE, tmp_path) == ["smile_trace_lantern/source.py", "test_lantern.py"]
    done = run_tests(tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("right", "broken", "noticed_by"),
    [
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
)
def test_a_broken_source_fails_it(tmp_path: Path, right: str, broken: str, noticed_by: str) -> None:
    write_files(PAGE, tmp_path)
    file = tmp_path / "smile_trace_lantern" / "source.py"
    assert right in file.read_text()
    file.write_text(file.read_text().replace(right, broken))
    assert (
        f"FAILED test_lantern.py::TestLantern::{noticed_by}"
        in run_tests(tmp_path, noticed_by).stdout
    )
