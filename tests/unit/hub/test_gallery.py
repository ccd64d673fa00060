"""The gallery: a list and a page each, in which nothing of a prompt is more than text."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smile_trace.cli import hub
from smile_trace.cli.app import app
from smile_trace.hub import build, read_entries, write_entries
from smile_trace.hub.gallery import index_of, page_of, row_of
from smile_trace.records.entry import Entry
from smile_trace_contracts.samples import HOSTILE
from tests.support.explained import explanation
from tests.support.hub_entries import entry

TEXT = HOSTILE.encode("utf-8", "replace").decode()
"""Half a character is in no file: the gate for foreign data refuses it."""


def hostile() -> Entry:
    messages = [("user", TEXT), ("assistant", "</script><script>alert(1)</script>")]
    found = explanation(messages, {}, answer=TEXT, summary=TEXT)
    return Entry.of(found, author=TEXT, licence=TEXT, tags=(TEXT,))


def test_a_folder_holds_the_list_the_pages_and_the_lines(tmp_path: Path) -> None:
    one, other = entry(), entry("Open at nine, they say. When do they open, and where?")
    assert build(tmp_path / "g", [one, other, one], title="Ours") == 2
    pages = {path.stem for path in (tmp_path / "g" / "e").iterdir()}
    assert pages == {one.id[:20], other.id[:20]}
    assert [e for _, e in read_entries(tmp_path / "g" / "explanations.smile.jsonl")] == [one, other]
    page = (tmp_path / "g" / "e" / f"{one.id[:20]}.html").read_text()
    assert one.id in page
    assert "16 calls" not in page
    assert "20 calls" in page


def test_a_gallery_is_built_again_from_its_own_file(tmp_path: Path) -> None:
    folder, other = tmp_path / "g", entry("Open at nine, they say. When do they open, and where?")
    build(folder, [entry(), other])
    data = folder / "explanations.smile.jsonl"
    before = data.read_bytes()
    again = ["hub", "build", str(folder), "--from", str(data), "--title", "Again"]
    assert CliRunner().invoke(app, again).output.startswith("2 explanations: ")
    assert data.read_bytes() == before
    assert "Again" in (folder / "index.html").read_text()
    data.write_bytes(before + b"{}\n")
    assert "line 3" in str(CliRunner().invoke(app, again).exception)
    assert data.read_bytes() == before + b"{}\n"
    assert {path.name for path in folder.iterdir()} == {"e", "index.html", data.name}


def test_pages_of_other_entries_do_not_stay(tmp_path: Path) -> None:
    one, other = entry(), entry("Open at nine, they say. When do they open, and where?")
    pages = tmp_path / "g" / "e"
    build(tmp_path / "g", [one, other])
    for name in ("style.css", "about.html", "0" * 20):
        (pages / name).write_text("not ours")
    build(tmp_path / "g", [other])
    left = {path.name for path in pages.iterdir()}
    assert left == {f"{other.id[:20]}.html", "style.css", "about.html", "0" * 20}


def test_the_index_is_data_that_ends_no_element() -> None:
    page = index_of([row_of(hostile())], TEXT)
    [data] = re.findall(r'<script type="application/json" id="index">(.*?)</script>', page, re.S)
    [row] = json.loads(data)
    assert row["prompt"].startswith("</script>")
    assert "<" not in data
    assert page.count("<script") == 2


def test_a_page_holds_no_script() -> None:
    page = page_of(hostile(), TEXT)
    assert "<script" not in page
    assert "default-src 'none'; style-src 'unsafe-inline'" in page


def test_how_far_a_check_is_stands_on_a_terminals_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "some.smile.jsonl"
    write_entries([entry()], file)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    hub.check(file)
    said = capsys.readouterr()
    assert "Checking" in said.err
    assert said.out == "1 identical\n"


def test_the_command_builds_and_checks(tmp_path: Path) -> None:
    file = tmp_path / "some.smile.jsonl"
    write_entries([entry()], file)
    run = CliRunner()
    built = run.invoke(app, ["hub", "build", str(tmp_path / "g"), "--from", str(file)])
    assert built.output.startswith("1 explanation: ")
    data = str(tmp_path / "g" / "explanations.smile.jsonl")
    assert run.invoke(app, ["hub", "check", data]).output == "1 identical\n"
    only = run.invoke(app, ["hub", "check", data, "--only", entry().id[:12]])
    assert only.output.startswith("line 1: identical: ")
    missing = run.invoke(app, ["hub", "check", data, "--only", "fff0"])
    assert "holds no entry whose id begins with fff0" in str(missing.exception)
    Path(data).write_text(Path(data).read_text().replace("Lyon", "Lion", 1))
    broken = run.invoke(app, ["hub", "check", data])
    assert broken.exit_code == 1
    assert "line 1: damaged: its content is not what its id says" in broken.output


@pytest.mark.parametrize("what", ["check", "build"])
def test_a_file_that_is_not_there_is_said(what: str, tmp_path: Path) -> None:
    words = {"check": ["missing"], "build": [str(tmp_path / "g"), "--from", "missing"]}
    done = CliRunner().invoke(app, ["hub", what, *words[what]])
    assert "missing cannot be read" in str(done.exception)
