"""Known vulnerabilities of the packages of constraints.txt, by pip-audit.

Where an index keeps no advisories, pip-audit skips every package and says that it found nothing:
that is no answer, and is told as none.
"""

import json
import subprocess
import sys
from pathlib import Path

from tools.release_checks.outcome import Outcome

SECONDS = 600


def check_advisories(constraints: Path) -> Outcome:
    """Ask the index, else OSV, about every pinned package."""
    unanswered = []
    for service in ("pypi", "osv"):
        outcome = _ask(service, constraints)
        if outcome.state != "not checked":
            return outcome
        unanswered.append(outcome.said)
    return Outcome("not checked", "; ".join(unanswered))


def _ask(service: str, constraints: Path) -> Outcome:
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", service]
    options = ["--format=json", "--progress-spinner=off", "--no-deps", "--disable-pip"]
    try:
        ended = subprocess.run(
            [*command, *options, "-r", str(constraints)],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome("not checked", f"{service} did not answer within {SECONDS} s")
    return read_report(service, ended.stdout, ended.stderr)


def read_report(service: str, report: str, errors: str = "") -> Outcome:
    """What pip-audit's JSON says; "not checked" where it knows nothing of most packages."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (errors.strip().splitlines() or ["no report"])[-1]
        return Outcome("not checked", f"{service}: {last[:200]}")
    known = [package for package in packages if "vulns" in package]
    found = tuple(
        f"{package['name']} {package['version']}: {each['id']}, mended in "
        f"{', '.join(each['fix_versions']) or 'no release'}"
        for package in known
        for each in package["vulns"]
    )
    unknown = len(packages) - len(known)
    said = f"{service} knows {len(known)} of {len(packages)} packages"
    if found:
        return Outcome("failed", said, found)
    if not known or unknown * 10 > len(packages):
        return Outcome("not checked", said)
    return Outcome("passed", said)
