"""Words of our own that the field's words replaced: none of them comes back.

A word stands here as an identifier, a file name, the name of a setting or a phrase shown to
people.
"""

import io
import re
import subprocess
import tokenize
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.thorough

IDENTIFIERS = (
    "Courier", "courier", "Patience", "keep_house", "housekeeping", "StandIn", "stand_in",
    "given_back", "Reading", "kriging", "Kriging", "rectify", "rectified", "Rectified",
    "standing_in", "stands_in", "twin", "twins", "Cheap", "Blend", "couples", "corners",
    "most_of_attempt", "give_back", "in_vain", "TextShift", "text_shift", "shifts",
    "freezing", "frozen_ranges", "freezing_nothing", "look_for_linked", "linked_ids",
    "linked_attributes", "linked_trace_seconds", "Refusal", "NotYet", "find_part", "NoSuchPart",
    "AnyStudy", "checkup", "dead_parts", "critical_parts", "weather", "unreliable", "storm",
    "stand_in_root", "unrepeatable", "think", "quiet", "POISON",
)  # fmt: skip
"""As names in Python code."""

FILES = (
    "alone", "agreeing", "agreement", "asking", "breaks", "cleaning", "comparing", "courier",
    "describing", "estimating", "faults", "forced", "housekeeping", "kriging", "measuring",
    "most", "patience", "perturbing", "planning", "preparing", "proxied", "proxying", "quiet",
    "reading", "rectified", "replayer", "replaying", "reproduction", "screening", "sites",
    "stand_in", "standing_in", "thinking", "twin", "weather", "wording", "writing",
)  # fmt: skip
"""As names of Python files, with or without `test_` before them."""

PHRASES = (
    "hangs on", "at this budget", "stand-in", "courier", "the rooms", "keeps house",
    "left out alone", "dead part", "critical part", "frozen word", "frozen segment", "partly sure",
)  # fmt: skip
"""In documentation, messages, docstrings and comments; without regard to case."""

EXEMPT = (
    "tests/data/",
    "tests/unit/test_words.py",
    "benchmarks/attribution/results/",
)


def _files(*endings: str) -> list[str]:
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [
        name
        for name in done.stdout.splitlines()
        if name.endswith(endings) and not name.startswith(EXEMPT) and (ROOT / name).is_file()
    ]


def _old_names(name: str) -> set[str]:
    """The old identifiers of a Python file."""
    source = (ROOT / name).read_text(encoding="utf-8")
    if not re.search(rf"\b({'|'.join(IDENTIFIERS)})\b", source):
        return set()
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.string for t in tokens if t.type == tokenize.NAME} & set(IDENTIFIERS)


def test_no_old_identifier_comes_back() -> None:
    found = {name: _old_names(name) for name in _files(".py")}
    assert {name: words for name, words in found.items() if words} == {}


def test_no_old_file_comes_back() -> None:
    stems = {name: Path(name).stem.removeprefix("test_") for name in _files(".py")}
    assert [name for name, stem in stems.items() if stem in FILES] == []


def test_no_old_phrase_comes_back() -> None:
    pattern = re.compile(rf"\b({'|'.join(PHRASES)})", re.IGNORECASE)
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name in _files(".py", ".md", ".j2", ".toml", ".svg", ".ipynb")
        for number, line in enumerate((ROOT / name).read_text("utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert found == []


def test_an_old_word_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text("courier = 'twin'  # storm\n")
    monkeypatch.setattr("tests.unit.test_words.ROOT", tmp_path)
    assert _old_names("a.py") == {"courier"}


def test_the_glossary_has_the_words_that_users_meet_and_no_more() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| (?!word \|)([^|]+) \|", page, re.MULTILINE)
    assert words == sorted(words)
    assert len(words) <= 25
