"""Keys and passwords in the files of the repository, by detect-secrets.

The made-up ones of tests and documentation are in .secrets.baseline, by the hash of each.
"""

import subprocess
import sys
from pathlib import Path

from tools.release_checks.outcome import Outcome

BASELINE = ".secrets.baseline"
_LINES_MOVED = 3
"""detect-secrets has brought the baseline's line numbers up to date, and found nothing."""


def check_secrets(root: Path) -> Outcome:
    """Every file that git knows."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
    files = [name for name in listed.stdout.decode().split("\0") if name and name != BASELINE]
    if listed.returncode or not files:
        return Outcome("not checked", "this is no git checkout")
    code = "from detect_secrets.pre_commit_hook import main; import sys; sys.exit(main())"
    ended = subprocess.run(
        [sys.executable, "-c", code, "--baseline", BASELINE, *files],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    said = f"{len(files)} files"
    if ended.returncode in (0, _LINES_MOVED):
        return Outcome("passed", said)
    lines = (ended.stdout + ended.stderr).splitlines()
    found = tuple(line.strip() for line in lines if line.startswith(("Secret Type", "Location")))
    return Outcome("failed", said, found or tuple(lines[-5:]))
