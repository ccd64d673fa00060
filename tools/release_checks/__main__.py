"""`python -m tools.release_checks`: advisories, licences, secrets.

Exits 1 where a check failed and 2 where one could not be made, which is never told as passed;
`--allow-unchecked` is for machines that reach no advisory database.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tools.release_checks.advisories import check_advisories
from tools.release_checks.licences import check_licences
from tools.release_checks.outcome import Outcome
from tools.release_checks.secrets_scan import check_secrets

ROOT = Path(__file__).parents[2]
CHECKS: dict[str, Callable[[], Outcome]] = {
    "advisories": lambda: check_advisories(ROOT / "constraints.txt"),
    "licences": check_licences,
    "secrets": lambda: check_secrets(ROOT),
}


def main() -> int:
    """Check and print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.release_checks")
    parser.add_argument("checks", nargs="*", choices=[*CHECKS, []], help="by default all")
    parser.add_argument("--allow-unchecked", action="store_true")
    given = parser.parse_args()
    outcomes = {name: CHECKS[name]() for name in given.checks or CHECKS}
    for name, outcome in outcomes.items():
        print(f"{name}: {outcome.state}: {outcome.said}")
        for finding in outcome.findings:
            print(f"  {finding}")
    states = {outcome.state for outcome in outcomes.values()}
    if "failed" in states:
        return 1
    return 2 if "not checked" in states and not given.allow_unchecked else 0


if __name__ == "__main__":
    sys.exit(main())
