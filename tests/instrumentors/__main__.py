"""Every instrumentor in an environment of its own: `make test-instrumentors [ONLY=NAME]`.

A row each for its newest and its older release: how many calls were made, read and explained, and
ok, what is wrong, or why it does not install.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.instrumentors.environments import FOLDER
from tests.instrumentors.record import write
from tests.instrumentors.running import try_out
from tests.instrumentors.table import INSTRUMENTORS, Instrumentor
from tests.support.uv import NotInstalled


def main() -> int:
    """Try them out and print the table; 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a name, or the beginning of some")
    parser.add_argument("--record", type=Path, help="a folder for what the receiver took")
    parser.add_argument("--keep", action="store_true", help="keep the environments")
    given = parser.parse_args()
    wrong = 0
    print("| instrumentor | versions | calls | read | explained | |\n|---|---|---|---|---|---|")
    chosen = [one for one in INSTRUMENTORS if one.name.startswith(given.only)]
    for older in (False, True):
        for instrumentor in chosen:
            if instrumentor.older or not older:
                wrong += _try(instrumentor, older, given.record, given.keep)
    print(f"{wrong} of them with something wrong" if wrong else "all as they should be")
    return bool(wrong)


def _try(instrumentor: Instrumentor, older: bool, record: Path | None, keep: bool) -> bool:
    name = f"{instrumentor.name}{', older' if older else ''}"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        try:
            outcome = try_out(instrumentor, home, older=older)
        except NotInstalled as error:
            print(f"| {name} | does not install | – | – | – | {error} |", flush=True)
            return False
        if record is not None:
            record.mkdir(parents=True, exist_ok=True)
            write(outcome, record / name.replace(", ", "-"))
    said = "<br>".join(outcome.wrong) or "ok"
    counted = f"{outcome.calls} | {outcome.read} | {outcome.explained}"
    print(f"| {name} | {outcome.versions} | {counted} | {said} |", flush=True)
    if not keep:
        for day in ("newest", instrumentor.older):
            shutil.rmtree(FOLDER / f"{instrumentor.name}-{day}", ignore_errors=True)
    return bool(outcome.wrong)


if __name__ == "__main__":
    sys.exit(main())
