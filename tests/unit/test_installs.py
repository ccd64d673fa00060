"""What `make check-installs` looks at; the installations themselves take minutes."""

import tomllib

from tests.support.paths import ROOT
from tools.installs.smoke import SMOKE, STRICT

NOT_FOR_USERS = {"demo", "dev", "release"}
"""`demo` is three others together; its model is installed by the Makefile."""


def test_every_extra_is_installed_and_run() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = set(project["optional-dependencies"])
    assert extras >= NOT_FOR_USERS
    assert set(SMOKE) - {""} == extras - NOT_FOR_USERS
    assert set(STRICT) <= set(SMOKE)


def test_what_is_run_is_python() -> None:
    for extra, code in SMOKE.items():
        compile(code, f"[{extra}]", "exec")
