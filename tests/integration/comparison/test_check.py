"""`smile-trace check` on a branch, as a pipeline runs it, with a model whose answers are known."""

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from typer.testing import CliRunner, Result

from smile_trace import semconv
from smile_trace.cli.app import app
from smile_trace.errors import SmileTraceError
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from tests.support.branches import branched, commit, git
from tests.support.planted import PlantedServer, serving
from tests.support.planted_prompts import plant
from tests.support.spooled import call_span, write_spool

TRIAGE = "Sort the letter by urgency.\nSay refund or other.\nLetter: {letter}\n"
LETTERS = [f"Letter {k}: money back" if k % 2 else f"Letter {k}: hello" for k in range(12)]
CASES = "".join(json.dumps({"letter": one, "number": k}) + "\n" for k, one in enumerate(LETTERS))
HOSTILE = (
    "<img src=x onerror=alert(1)> @octocat #12 [x](http://evil.invalid) | `a` deadbeefcafe "
    "www.evil.invalid a@evil.invalid https://evil.invalid GH-3"
)
GREET = 'import smile_trace\nP = smile_trace.Prompt("greet", version="1", template="{}")\n'


def answer(prompt: str) -> str:
    """By the rule that the prompt has, whatever else it says."""
    if "Greet" in prompt:
        return f"Good morning, dear reader. {HOSTILE}"
    if "Say refund or other." not in prompt:
        return f"I would say that this letter is about many things. {HOSTILE}"
    return "refund" if "money back" in prompt else "other"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlantedServer]:
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GITHUB_BASE_REF", raising=False)
    with serving(answer) as server:
        table = {"kind": "endpoint", "base_url": server.base_url, "retries": 0}
        table |= {"temperature_zero_is_deterministic": True}
        monkeypatch.setenv("SMILE_TRACE_MODELS", json.dumps({"planted": table}))
        yield server


def on_branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]) -> None:
    """A branch that changes these files."""
    files = {
        "prompts/triage.txt": TRIAGE,
        "prompts/triage.cases.jsonl": CASES,
        "prompts/greet.cases.jsonl": CASES,
        "app.py": GREET.format("Greet {letter}"),
    }
    monkeypatch.chdir(branched(tmp_path / "r", files, changed))


def check(*arguments: str) -> Result:
    """Run it on given cases."""
    asked = ["--model", "planted", "--set", "temperature=0", "--yes"]
    return CliRunner().invoke(app, ["check", *asked, *arguments], catch_exceptions=False)


def test_the_summary_names_the_edit_that_changed_the_answers(
    server: PlantedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = TRIAGE.replace("by urgency", "by how urgent it is").replace(
        "Say refund or other.\n", f"Be brief. {HOSTILE}\n"
    )
    files = {"prompts/triage.txt": changed, "app.py": GREET.format("Greet now {letter}")}
    on_branch(tmp_path, monkeypatch, files)
    planned = check("--dry-run")
    assert "triage would be compared from origin/main to this branch." in planned.stdout
    assert "At most: 80 calls" in planned.stdout
    assert server.bodies == []
    arguments = ["--max", "answer_change=.2", "--max", "drop:Say refund or other.=.1"]
    ran = check(*arguments, "--summary", "summary.md", "--json")
    assert ran.exit_code == 3, ran.output
    assert ran.stderr.count("smile-trace: triage: ") == 2
    assert "greet" not in ran.stderr
    summary = Path("summary.md").read_text("utf-8")
    assert summary.startswith("### Prompts: **triage** gives other answers\n")
    assert "2 prompts checked, 2 of 3 limits broken." in summary
    assert "“Say refund or other.” → “Be brief. &lt;img" in summary.replace("\u2060", "")
    found = json.loads(ran.stdout)
    limits = {one["name"]: [x["verdict"] for x in one["limits"]] for one in found["prompts"]}
    assert limits == {"triage": ["broken", "broken"], "greet": ["within"]}
    page = MarkdownIt("commonmark").enable("table").render(summary)
    assert not re.search(
        r"<(?!/?(h[34]|p|code|table|thead|tbody|tr|t[hd]|ul|li|em|strong|br)\b)", page
    )
    assert not re.search(r"@\w|#\d|deadbeefcafe|://|www\.\w|GH-\d|href", page)
    assert "&lt;img src=x" in page, "what the model said is shown"
    assert "onerror" in page
    paid = len(server.bodies)
    assert check(*arguments).exit_code == 3
    assert len(server.bodies) == paid, "nothing is paid for twice"


@pytest.mark.parametrize("how", [(), ("--dry-run",)])
def test_what_others_wrote_is_no_command_of_githubs_log(
    how: tuple[str, ...], server: PlantedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside of our action, too; a prompt has such a name. There is no telling which of two
    streams the log reads first: on the other one, no line begins so."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    named = GREET.replace("greet", "::error::e ##[error]f")
    before, after = (named.format(f"Greet {one} {{letter}}") for one in ("", "now"))
    folder = branched(tmp_path / "r", {"app.py": before}, {"app.py": after})
    monkeypatch.chdir(folder)
    ran = check("--max", "answer_change=.2", *how)
    lines = ran.stdout.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    assert re.fullmatch("[0-9a-f]{32}", token)
    assert lines[-1] == f"::{token}::"
    assert any("::error::e" in line for line in lines[1:-1])
    assert not any(line.lstrip().startswith("::") for line in ran.stderr.splitlines())
    assert "##[" not in ran.stderr


def test_three_cases_do_not_say_how_much_the_answers_change(
    server: PlantedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = "".join(CASES.splitlines(keepends=True)[:3])
    changed = TRIAGE.replace("Letter:", "Asked: money back\nLetter:")
    on_branch(
        tmp_path,
        monkeypatch,
        {"prompts/triage.txt": changed, "prompts/triage.cases.jsonl": few},
    )
    assert check("--summary", "s.md").exit_code == 0
    summary = Path("s.md").read_text("utf-8")
    assert "too few inputs to say how much the answers of **triage** change." in summary
    assert "2 of 3 inputs got another answer, and on average 67 %" in summary
    assert "with so few inputs it may be anything from 0 to 100 %." in summary
    assert "|changed the answers, too few inputs to say how much|2 of 3|67 %|0 to 100 %|" in summary


def test_logged_calls_are_replayed_and_not_shown(
    server: PlantedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of the prompt is known by its template, which was logged. What customers wrote
    does not stand in a comment."""
    with Store.open(Settings()) as store:
        logged = [{"letter": one} for one in LETTERS]
        plant(
            store, "letters", "7", TRIAGE.strip(), logged, answers=[answer(one) for one in LETTERS]
        )
    folder = branched(
        tmp_path / "r", {"a.md": TRIAGE}, {"a.md": TRIAGE.replace("Say ", "Do not say ")}
    )
    monkeypatch.chdir(folder)
    ran = CliRunner().invoke(app, ["check", "--summary", "s.md"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    summary = Path("s.md").read_text("utf-8")
    assert "**letters** gives other answers" in summary
    assert "“Say” → “Do not say”" in summary
    assert "input tokens per 1,000 calls" in summary
    assert "Letter 1" not in summary
    assert "refund" not in summary.partition("####")[2].partition("\n")[2]


def test_what_could_not_be_compared_breaks_a_limit(
    server: PlantedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_branch(tmp_path, monkeypatch, {"prompts/triage.txt": TRIAGE + "Tone: {tone}\n"})
    ran = check("--max", "answer_change=.2")
    assert ran.exit_code == 3
    assert ran.stdout.startswith("Prompts: not compared")
    assert "12 of 12 cases lack a value for a variable of the template" in ran.stdout
    monkeypatch.chdir(
        branched(tmp_path / "s", {"a.py": GREET.format("A")}, {"a.py": GREET.format("B")})
    )
    ran = check("--max", "answer_change=.2")
    assert "neither a logged call nor a file greet.cases.jsonl" in " ".join(ran.stderr.split())
    assert check().exit_code == 0
    before, after = ({"prompts/lone.md": f"Greet {k}."} for k in "AB")
    monkeypatch.chdir(branched(tmp_path / "t", before, after))
    ran = check("--max", "answer_change=.2")
    assert ran.exit_code == 3
    assert "1 changed prompt was not checked, see below" in " ".join(ran.stdout.split())
    assert "prompts/lone.md: its limits could not be measured" in ran.stderr
    assert check().exit_code == 0


def test_a_system_prompt_with_the_question_beside_it(
    server: PlantedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {"desk.md": "Be {tone}.", "desk.cases.jsonl": '{"tone": "kind", "user": "Open?"}\n'}
    monkeypatch.chdir(branched(tmp_path / "r", before, {"desk.md": "Be very {tone}."}))
    assert check().exit_code == 0
    asked = [[one["content"] for one in body["messages"]] for body in server.bodies]
    assert sorted(asked) == [["Be kind.", "Open?"], ["Be very kind.", "Open?"]]
    roles = {tuple(one["role"] for one in body["messages"]) for body in server.bodies}
    assert roles == {("system", "user")}
    assert "a system message and the user's, with temperature:" in " ".join(check().stdout.split())
    (tmp_path / "r" / "desk.cases.jsonl").write_text("{}\n[1]\n")
    with pytest.raises(SmileTraceError, match=r"desk.cases.jsonl, line 2: write the values"):
        check()


def test_a_branch_that_changes_no_prompt(
    server: PlantedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_branch(tmp_path, monkeypatch, {"README": "hello"})
    ran = check("--max", "answer_change=.1", "--summary", "s.md")
    assert ran.exit_code == 0
    assert Path("s.md").read_text().startswith("No prompt is changed.")
    assert server.bodies == []


def test_a_file_that_is_sent_as_it_is_needs_no_cases(
    server: PlantedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor a `Prompt`: the calls that send it are found, those of earlier versions too, and what is
    beside it is sent again. Those of another file with the same beginning are not."""
    rules, other = "Say refund or other.\n", "Say refund or other.\nAnd why."
    zero: dict[str, Any] = {semconv.REQUEST_TEMPERATURE: 0}
    calls = enumerate(product(("Sort letters.", f"{rules}Now.", other), LETTERS), 1)
    spans = [call_span(k, prompt=[("system", a), ("user", b)], **zero) for k, (a, b) in calls]
    write_spool(Settings().spool, spans)
    with Store.open(Settings()) as store:
        Ingest(store, Settings()).run()
    before = {"prompts/desk.txt": "Sort letters.", "prompts/why.txt": other}
    folder = branched(tmp_path / "r", before, {"prompts/desk.txt": f"{rules}{{when}}\n"})
    git(folder, "push", "-q", "origin", "HEAD:main")
    git(folder, "fetch", "-q")
    monkeypatch.chdir(folder)
    commit(folder, {"prompts/desk.txt": f"{rules}{{when}} {{tone}}\n"})
    ran = CliRunner().invoke(app, ["check"], catch_exceptions=False)
    assert "no call has a value for {tone}" in " ".join(ran.stdout.split())
    commit(folder, {"prompts/desk.txt": f"Do not {rules.lower()}{{when}}\n"})
    how = ["check", "--summary", "s.md", "--max", "answer_change=.2"]
    ran = CliRunner().invoke(app, how, catch_exceptions=False)
    assert ran.exit_code == 3, ran.output
    summary = Path("s.md").read_text("utf-8")
    assert "**desk** gives other answers" in summary
    assert "24 logged calls send prompts/desk.txt as their system message." in summary
    assert "Letter 1" not in summary
    assert {body["messages"][1]["content"] for body in server.bodies} == {*LETTERS}
