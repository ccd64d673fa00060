"""`smile-trace check` where the answers are JSON objects: the limit holds for each field, too."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smile_trace.cli.app import app
from tests.support.branches import branched
from tests.support.planted import PlantedServer, serving

MAIL = "Return JSON.\nA mail is urgent if the writer waits.\nMail: {mail}\n"
MAILS = ("Where is my parcel", "I love the lamp", "The box is broken", "Hello", "Wrong colour")
FILES = {
    "mail.txt": MAIL,
    "mail.cases.jsonl": "".join(json.dumps({"mail": mail}) + "\n" for mail in MAILS),
}
SAID = "The customer writes about order 4711 and wants a refund."
REWORDED = "Customer writes about order 4711, wanting a refund."


def answer(prompt: str) -> str:
    """Twenty-four fields, of which the last two go by the prompt."""
    mail = prompt.rpartition("Mail: ")[2].strip()
    same = {f"part_{k}": f"{mail} {k}" for k in range(22)}
    urgent = {"<b>urgent": "if the writer waits" in prompt}
    reason = REWORDED if "Be brief" in prompt else SAID
    return json.dumps({**same, "state": urgent, "reason": reason})


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlantedServer]:
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GITHUB_BASE_REF", raising=False)
    with serving(answer) as server:
        table = {"kind": "endpoint", "base_url": server.base_url, "retries": 0}
        monkeypatch.setenv("SMILE_TRACE_MODELS", json.dumps({"planted": table}))
        yield server


@pytest.mark.parametrize(
    ("asked", "calls"), [(["--set", "temperature=0"], 10), ([], 20)], ids=["repeats", "may vary"]
)
def test_one_field_that_changes_in_every_answer_closes_the_gate(
    asked: list[str],
    calls: int,
    server: PlantedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though it is a twenty-fourth of an answer, which counts as a little change of the whole. A
    reason in other words closes it by what it says, not by being another text."""
    changed = MAIL.replace("A mail is urgent if the writer waits.", "Be brief.")
    monkeypatch.chdir(branched(tmp_path / "r", FILES, {"mail.txt": changed}))
    arguments = ["check", "--model", "planted", *asked, "--yes", "--max", "answer_change=.2"]
    ran = CliRunner().invoke(app, [*arguments, "--summary", "s.md"])
    assert ran.exit_code == 3, ran.output
    assert len(server.bodies) == calls
    [line] = ran.stderr.splitlines()
    told = '$.state["<b>urgent"] changed in 5 of 5 answers'
    assert line == f"smile-trace: mail: Answer change: {told}, more than 20 %"
    summary = Path("s.md").read_text("utf-8")
    assert summary.startswith("### Prompts: **mail** gives other answers\n")
    told = '\\$.state["&lt;b>urgent"] changed in 5 of 5 answers'
    assert f"1 of 1 limits broken, {told} (**mail**)." in summary
    assert f" over 5 calls; {told}" in summary
    assert "**true**}" in summary
    assert "**false**}" in summary

    reworded = MAIL.replace("Mail:", "Be brief.\nMail:")
    monkeypatch.chdir(branched(tmp_path / "s", FILES, {"mail.txt": reworded}))
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 0, ran.output
    assert "$.reason changed in 5 of 5 answers by 12 %" in " ".join(ran.stdout.split())
