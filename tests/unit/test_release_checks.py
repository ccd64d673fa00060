"""The checks of a release say "failed" or "not checked" where they should, never "passed"."""

import json
from typing import Any

import pytest

from tools.release_checks.advisories import read_report
from tools.release_checks.licences import is_allowed, judge


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": list(packages), "fixes": []})


GOOD = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
UNKNOWN = {"name": "c", "skip_reason": "not found on PyPI"}


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (report(GOOD), "passed"),
        (report(GOOD, BAD), "failed"),
        (report(UNKNOWN, BAD), "failed"),
        (report(UNKNOWN, UNKNOWN), "not checked"),
        (report(GOOD, UNKNOWN), "not checked"),
        (report(), "not checked"),
        ("", "not checked"),
        ("{}", "not checked"),
    ],
)
def test_advisories(text: str, state: str) -> None:
    assert read_report("pypi", text, "it broke").state == state


def test_a_vulnerability_is_named() -> None:
    assert read_report("pypi", report(BAD)).findings == ("b 1: CVE-1, mended in 2",)


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("MIT License", True),
        ("Apache-2.0 OR GPL-2.0-or-later", True),
        ("Apache-2.0 AND GPL-2.0-or-later", False),
        ("(MIT OR GPL-3.0-only) AND ISC", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("GPL-3.0-only", False),
        ("Other/Proprietary License", False),
        ("", False),
    ],
)
def test_licences(licence: str, allowed: bool) -> None:
    assert is_allowed(licence) is allowed


def test_an_exception_has_a_name() -> None:
    outcome = judge([("psycopg_binary", "LGPL-3.0-only"), ("psycopg-other", "LGPL-3.0-only")])
    assert outcome.state == "failed"
    assert outcome.findings == ("psycopg-other: LGPL-3.0-only",)
