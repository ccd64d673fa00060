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

PLAIN = {
    r"stands? (in|on|there|beside|below|above|under|at)\b": "is in, is beside",
    r"stood (in|on|there|beside|below|above|under|at)\b": "was in, was beside",
    r"among it\b": "of it",
    r"takes? nothing\b": "accepts nothing, refuses everything",
    r"(it|nothing|what) is had\b": "is there, exists",
    r"for ever\b": "forever, without end",
    r"mended?\b": "fixed",
    r"in order to\b": "to",
    r"(?<=[.:;] )Of (an?|each|one|two|several)\b": "For …, With …",
    r"(simply|obviously|of course|seamless(ly)?|please note|it should be noted)\b": "nothing",
    r"(leverag|utili[sz])(e|es|ing)\b": "use",
}
"""In documentation: what a native engineer would not write, and what instead."""

LONGEST_SENTENCE = 60
MOST_WORDS = 45_000
"""Of docs/ without its gallery, code and tables included."""

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


def _documentation() -> list[str]:
    """The pages for readers; benchmarks' are notes of what was measured, and releases are past."""
    left_out = ("benchmarks/", "tests/", "CHANGELOG.md")
    return [name for name in _files(".md") if not name.startswith(left_out)]


def _prose(text: str) -> str:
    """A page without its code and comments; each stays as many lines as it was."""
    return re.sub(
        r"^```.*?^```|<!--.*?-->|`[^`\n]*`",
        lambda code: "\n" * code[0].count("\n") or "x",
        text,
        flags=re.DOTALL | re.MULTILINE,
    )


def _not_plain(text: str) -> list[tuple[int, str]]:
    """The lines of a page that are not in plain style, each with what to write instead."""
    prose = _prose(text)
    found = [
        (prose.count("\n", 0, match.start()) + 1, f"{match[0]!r}: write {instead}")
        for phrase, instead in PLAIN.items()
        for match in re.finditer(rf"\b{phrase}", prose, re.IGNORECASE)
    ]
    # Paragraphs and items of lists; a row of a table is no sentence.
    for block in re.finditer(r"(?:^(?!\s*(?:[|#>]|$)).*\n?)+", prose, re.MULTILINE):
        for sentence in re.split(r"(?<=[.!?:;])\s|\n(?=\s*(?:[-*]|\d+\.) )", block[0]):
            words = re.sub(r"\]\([^)]*\)", "]", sentence).split()
            if len(words) > LONGEST_SENTENCE:
                line = prose.count("\n", 0, block.start()) + 1
                found.append((line, f"{len(words)} words in one sentence: {' '.join(words[:9])} …"))
    return sorted(found)


def test_documentation_is_in_plain_style() -> None:
    found = [
        f"{name}:{line}: {said}"
        for name in _documentation()
        for line, said in _not_plain((ROOT / name).read_text("utf-8"))
    ]
    assert found == []


def test_documentation_is_no_longer_than_it_may_be() -> None:
    pages = [name for name in _documentation() if name.startswith("docs/")]
    words = {name: len(re.findall(r"\S*\w\S*", (ROOT / name).read_text("utf-8"))) for name in pages}
    longest = sorted(words, key=words.__getitem__)[-9:]
    assert sum(words.values()) <= MOST_WORDS, f"make one shorter: {longest}"


def test_the_readme_is_read_in_three_minutes() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(re.sub(r"<[^>]*>", "", text).split()) <= 600
    assert text.count("](") <= 12


def test_what_is_not_plain_would_be_found() -> None:
    text = f"# A\n\nIt stands in a file.\n```\nstands in\n```\n- {'word ' * 61}\n\n| {'a ' * 99} |"
    assert [(line, said[:9]) for line, said in _not_plain(text)] == [
        (3, "'stands i"),
        (7, "62 words "),
    ]


def test_an_old_word_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text("courier = 'twin'  # storm\n")
    monkeypatch.setattr("tests.unit.test_words.ROOT", tmp_path)
    assert _old_names("a.py") == {"courier"}


def test_the_glossary_has_the_words_that_users_meet_and_no_more() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| (?!word \|)([^|]+) \|", page, re.MULTILINE)
    assert words == sorted(words)
    assert len(words) <= 25
