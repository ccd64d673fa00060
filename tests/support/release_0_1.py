"""What release 0.1 gave for `tests/data/release_0_1/cases.jsonl`, and whether it is given still.

`cases.jsonl` describes the cases as data, a line each, in the words of release 0.1;
`outputs.jsonl.gz` holds what came of each. `release_0_1_runner.py` turns a description into a
run; `release_0_1_mapping.py` says what was renamed since. The outputs were recorded with the
code of release 0.1 and are never recorded again: where they differ, the behaviour does. Where it
is meant to, `replaced.jsonl.gz` has the output since, and why:
`python -m tests.support.release_0_1 WHY ID…`.

A sum that ends in a tie is broken by its last bit, which is the processor's: a few cases have
one output per kind of arithmetic (`KERNELS`), and any of them will do.
"""

import gzip
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.release_0_1_mapping import PROVENANCE, completed, find, upgrade

DATA = Path(__file__).parents[1] / "data" / "release_0_1"
OUTPUTS = DATA / "outputs.jsonl.gz"
REPLACED = DATA / "replaced.jsonl.gz"

NOT_DETERMINED = frozenset(
    (
        "explained_at",  # an Explanation: when
        "compared_at",  # a Comparison: when
        "seconds",  # measures: how long it took
    )
)
"""Fields that no seed decides, by their names in 0.1: they are neither recorded nor compared."""

KERNELS = ("Haswell", "SkylakeX", "Prescott")
"""OpenBLAS's names for 256, 512 and 128 bits of x86: its loops differ in the last bit."""

DIGITS = 12
"""Significant digits of a recorded number."""
TOLERANCE = 1e-9
"""Relative, and absolute for what is next to nothing."""


def cases() -> list[dict[str, Any]]:
    """Every description, in order."""
    lines = (DATA / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def outputs() -> dict[str, list[dict[str, Any]]]:
    """What release 0.1 gave, by the case's id: the usual output, and others on other machines."""
    found: dict[str, list[dict[str, Any]]] = {}
    with gzip.open(OUTPUTS, "rt", encoding="utf-8") as stream:
        for line in stream:
            entry = json.loads(line)
            found.setdefault(entry["id"], []).append(entry["output"])
    return found


def recorded(value: Any, *path: str) -> Any:
    """A document as it is recorded: without what no seed decides, and what it needs to be computed
    again; numbers rounded."""
    if isinstance(value, dict):
        kept = {k: recorded(v, *path, k) for k, v in value.items() if k not in NOT_DETERMINED}
        return kept | find(PROVENANCE, path, {})
    if isinstance(value, list):
        return [recorded(item, *path) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return value


def expected(output: dict[str, Any]) -> dict[str, Any]:
    """A recorded output in the words of this release, by kind of document."""
    return {kind: upgrade(document, kind) for kind, document in output.items()}


def differences(wanted: Any, found: Any, path: str = "") -> Iterator[str]:
    """Where two documents differ, a line each."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name in sorted({*wanted, *found}):
            if name not in found:
                yield f"{path}.{name} is gone"
            elif name not in wanted:
                yield f"{path}.{name} is new: {found[name]!r:.80}"
            else:
                yield from differences(wanted[name], found[name], f"{path}.{name}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for k, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from differences(one, other, f"{path}[{k}]")
    elif not _same(wanted, found):
        yield f"{path}: {found!r:.300} in place of {wanted!r:.300}"


def _same(wanted: Any, found: Any) -> bool:
    numbers = (int, float)
    if isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    if isinstance(wanted, numbers) and isinstance(found, numbers):
        return math.isclose(wanted, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(wanted == found)


def deviations(given: list[dict[str, Any]], found: dict[str, Any]) -> list[str]:
    """Where an output differs from the usual one; empty where it is any of those given."""
    every = [list(differences(expected(output), found)) for output in given]
    return [] if [] in every else every[0]


def replaced() -> dict[str, dict[str, Any]]:
    """The cases that are meant to differ, by id: `why`, and the `outputs`, any of which will do."""
    lines = gzip.decompress(REPLACED.read_bytes()).splitlines()
    return {entry.pop("id"): completed(entry) for entry in map(json.loads, lines)}


def _record_here(ids: list[str]) -> None:
    """Print what comes of these cases on this processor, as it was told to be."""
    from tests.support.release_0_1_runner import run

    for case in cases():
        if case["id"] in ids:
            output = recorded(run(case))
            print(json.dumps({"id": case["id"], "output": output}, ensure_ascii=False))


def _replace(why: str, ids: list[str]) -> None:
    kept = replaced() | {name: {"why": why, "outputs": []} for name in ids}
    for kernel in KERNELS:
        told = {**os.environ, "OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-m", __spec__.name, "--here", *ids]
        made = subprocess.run(command, env=told, stdout=subprocess.PIPE, text=True)
        if made.returncode == -signal.SIGILL:
            print(f"this processor does not know {kernel}: it is left out", file=sys.stderr)
            continue
        made.check_returncode()
        for entry in map(json.loads, made.stdout.splitlines()):
            known = kept[entry["id"]]["outputs"]
            if all(any(differences(one, entry["output"])) for one in known):
                known.append(entry["output"])
    entries = ({"id": name, **kept[name]} for name in sorted(kept))
    lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    REPLACED.write_bytes(gzip.compress(lines.encode(), mtime=0))


if __name__ == "__main__":
    first, *names = sys.argv[1:]
    if first == "--here":
        _record_here(names)
    else:
        _replace(first, names)
