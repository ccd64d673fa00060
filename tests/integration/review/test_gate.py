"""`smile-trace check` of a prompt that no branch changes, as a pipeline runs it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import smile_trace
from smile_trace.cli.app import app, main
from smile_trace.errors import SmileTraceError
from smile_trace.probes.review.tasks import stored_tasks
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.arrivals import ArrivedSpan, SpoolFile
from tests.support.branches import branched, commit
from tests.support.experts import experts
from tests.support.judged import judgement, with_profile
from tests.support.planted import PlantedServer, serving
from tests.support.planted_profiles import keep_profiles, plant_profiles
from tests.support.planted_prompts import plant
from tests.support.sample_profiles import QUESTION, RETURNS, first_document
from tests.support.spooled import call_span

NAME = "chat planted"


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMILE_TRACE_HOME", str(settings.home))
    monkeypatch.chdir(settings.home.parent)  # where no branch changes a prompt
    return settings.home


@pytest.fixture
def server(home: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlantedServer]:
    """Six logged calls, one of them twice, of a model whose answer depends on what stands first."""
    with serving(first_document) as server:
        table = {"kind": "endpoint", "base_url": server.base_url, "retries": 0}
        table["temperature_zero_is_deterministic"] = True
        monkeypatch.setenv("SMILE_TRACE_MODELS", json.dumps({"planted": table}))
        spans = [
            call_span(
                n,
                prompt=f"Case {max(n, 1)}. {QUESTION}",
                answer=RETURNS,
                **{"gen_ai.request.temperature": 0.0},  # type: ignore[arg-type]
            )
            for n in range(7)
        ]
        arrived = [ArrivedSpan(span, span.model_dump_json()) for span in spans]
        store.traces.add(SpoolFile("a", 1, 1, 1.0), arrived)
        store.traces.complete(gone=(), silent_before=0.0)
        yield server


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", NAME, *arguments], catch_exceptions=False)


def test_calls_are_asked_now_and_a_broken_limit_closes_the_gate(server: PlantedServer) -> None:
    asked = ["--calls", "30", "--allow-unconfirmed", "--max"]
    planned = run(*asked, "order=.2", "--dry-run")
    assert "6 calls of chat planted would be sent again with small changes" in planned.output
    assert "stability, paraphrase, order" in planned.output
    assert "At most: 240 calls" in planned.output
    assert server.bodies == []
    ran = run(*asked, "order=.2", "--max", "paraphrase=.4", "--json")
    assert ran.exit_code == 3, ran.output
    assert ran.stderr.startswith("smile-trace: chat planted: Another order: it changes ")
    assert ran.stderr.strip().endswith("more than 20%")
    paid = len(server.bodies)
    assert 48 < paid <= 240
    order, words = json.loads(ran.stdout)["prompts"][0]["limits"]
    assert (order["verdict"], words["verdict"], words["calls"]) == ("broken", "within", 6)
    assert order["rate"]["ci_low"] > 0.2
    assert order["beyond"]["ci_low"] > 0
    old = ["test", NAME, *asked[:-1], "--max-order-sensitivity", "1"]
    ran = CliRunner().invoke(app, old)
    assert ran.exit_code == 0
    assert ran.stderr == "smile-trace test is now called smile-trace check\n"
    assert len(server.bodies) == paid, "nothing is paid for twice"


def test_a_changed_prompt_is_probed_on_its_cases(
    server: PlantedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the template of the branch, which no call was made with."""
    before = {
        "support.txt": QUESTION + " {customer}",
        "support.cases.jsonl": '{"customer": 1}\n{"customer": 2}\n{"customer": 3}\n',
    }
    after = {"support.txt": QUESTION.replace("Answer", "Answer briefly", 1) + " {customer}"}
    monkeypatch.chdir(branched(tmp_path / "r", before, after))
    limited = ["check", "--max", "order=.1", "--allow-unconfirmed", "--model", "planted", "--json"]
    ran = CliRunner().invoke(app, [*limited, "--calls", "2"], catch_exceptions=False)
    [checked] = json.loads(ran.stdout)["prompts"]
    assert [(one["probe"], one["calls"]) for one in checked["limits"]] == [("order", 2)]
    told = [body["messages"][0]["content"] for body in server.bodies]
    assert (
        sum("briefly" in text for text in told) > 12 > sum("briefly" not in text for text in told)
    )


def test_the_day_s_cap_holds(server: PlantedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMILE_TRACE_BUDGET", json.dumps({"calls_per_day": 20}))
    with pytest.raises(SmileTraceError, match="20"):
        run("--calls", "10", "--allow-unconfirmed", "--max", "order=.2")
    assert len(server.bodies) <= 20


def test_a_probe_gates_only_where_people_have_confirmed_it(home: Path, store: Store) -> None:
    with_profile(store)
    with pytest.raises(SmileTraceError, match="has 0 of 30 judgements and 30 are missing"):
        run("--max", "order=.2")
    item = next(task.item for task in stored_tasks(store).values() if task.item.counts)
    store.judgements.keep([(item, judgement(item, f"person {k}")) for k in range(30)])
    with pytest.raises(SmileTraceError, match=r"people confirm 100% .* 27%, is below 70%"):
        run("--max", "order=.2")


def test_what_no_call_can_be_measured_by_is_said_before_people_are_asked(
    server: PlantedServer,
) -> None:
    ran = run("--max", "swap=.2", "--calls", "3", "--json")
    assert ran.exit_code == 3
    assert ran.stderr == (
        "smile-trace: chat planted: Another person: no call has anything to vary: it needs a name, "
        "gender, city or age from its lists\n"
    )
    [checked] = json.loads(ran.stdout)["prompts"]
    assert [one["verdict"] for one in checked["limits"]] == ["broken"]
    with pytest.raises(SmileTraceError, match=r"^order cannot be a gate yet") as said:
        run("--max", "swap=.2", "--max", "order=.2", "--calls", "3")
    assert "swap" not in str(said.value)
    assert server.bodies == []


def test_a_probe_made_useless_is_kept_out_of_the_gate(
    home: Path,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By two experts who slip: most of what `order` finds is a failure, of `format` it is not."""
    with_profile(store)
    for probe, precision in (("order", 0.95), ("format", 0.3)):
        variants, said = experts(1, 80, precision, probe)
        items = {one.id: one for one in variants}
        store.judgements.keep([(items[one.variant_id], one) for one in said])
    exits = dict[str, int]()
    for probe in ("order", "format"):
        limit = ["--max", f"{probe}=1"]
        monkeypatch.setattr("sys.argv", ["smile-trace", "check", NAME, *limit])
        with pytest.raises(SystemExit) as ended:
            main()
        exits[probe] = int(ended.value.code or 0)
    assert exits == {"order": 0, "format": 1}
    error = capsys.readouterr().err
    assert re.search(
        r"^smile-trace: format cannot be a gate: people confirm \d\d% of what it finds in \d+ "
        r"judgements and the interval's lower end, \d\d%, is below 70%: let people judge its "
        r"variants",
        error,
    )
    assert "order" not in error


def test_stored_profiles_are_read_and_one_call_is_too_few(home: Path, store: Store) -> None:
    with_profile(store)
    ran = run("--max", "order=.3", "--allow-unconfirmed", "--html", str(home / "page.html"))
    assert ran.exit_code == 0, ran.output
    assert "open" in ran.stdout
    assert "Another order" in (home / "page.html").read_text()


def test_the_newest_version_is_judged_by_its_own_profiles(home: Path, store: Store) -> None:
    for version, changed in (("1", 5), ("2", 0)):
        plant(store, "answer", version, QUESTION + " {k}", [{"k": f"{k}"} for k in range(20)])
        plant_profiles(store, "answer", version, changed)
    limited = [
        "check",
        "answer",
        "--max",
        "order=.2",
        "--allow-unconfirmed",
        "--since",
        "1970-01-01",
    ]
    ran = CliRunner().invoke(app, limited, catch_exceptions=False)
    assert "answer 2 " in ran.stdout
    assert "within" in ran.stdout
    plant(store, "answer", "3", QUESTION + " {k}.", [{"k": "4"}])
    with pytest.raises(SmileTraceError, match="'answer 3' from that time is stored"):
        CliRunner().invoke(app, limited, catch_exceptions=False)


def test_what_was_not_measured_breaks_its_limit(home: Path, store: Store) -> None:
    with_profile(store)
    ran = run("--max", "swap=1", "--allow-unconfirmed")
    assert ran.exit_code == 3
    assert "no call has anything to vary: it needs a name" in ran.stderr


def test_confirmed_failures_are_asked_again(server: PlantedServer, store: Store) -> None:
    assert run("--max", "cases=0").exit_code == 0, "there is none"
    with_profile(store, 20)
    items = [task.item for task in stored_tasks(store).values() if task.item.counts]
    store.judgements.keep([(item, judgement(item, "anna")) for item in items])
    planned = run("--max", "cases=0", "--dry-run")
    assert f"{len(items)} confirmed failures would be sent again" in planned.stdout
    assert server.bodies == []
    for _ in range(2):
        ran = run("--max", "cases=0")
        assert ran.exit_code == 3
        told = f"{len(items)} of {len(items)} confirmed failures still fail, more than 0%"
        assert told in ran.stderr
    assert len(server.bodies) == 2 * len(items), "no cached answer is taken for a new one"
    server.function = lambda _: RETURNS
    assert run("--max", "cases=0").exit_code == 0


@pytest.mark.parametrize(
    ("fixed_by", "said"),
    [("after", "2 are gone, 0 came back"), ("before", "0 are gone, 2 came back")],
)
def test_failures_that_are_gone_or_come_back_with_a_template(
    server: PlantedServer,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fixed_by: str,
    said: str,
) -> None:
    """The failing order of the documents is the same in both templates."""
    asked, template = [{"k": "0"}, {"k": "1"}], f"{QUESTION} {{k}}"
    plant(store, "support", "1", template, asked, answers=[RETURNS] * 2)
    keep_profiles(
        store, "support", "1",
        lambda call: smile_trace.profile(
            call.messages[0].content, model=first_document, answer=RETURNS, budget=60
        ),
    )  # fmt: skip
    tasks = [task.item for task in stored_tasks(store).values() if task.item.counts]
    of_prompt = {one.prompt: one for one in tasks}
    store.judgements.keep([(one, judgement(one, "anna")) for one in of_prompt.values()])
    server.function = lambda prompt: RETURNS if "whole" in prompt else first_document(prompt)
    texts = {"before": template, "after": template.replace("Answer", "In other words, answer")}
    texts[fixed_by] = texts[fixed_by].replace("documents.", "whole documents.")
    files = [{"support.txt": text, "support.cases.jsonl": "{}"} for text in texts.values()]
    monkeypatch.chdir(branched(tmp_path / "r", *files))
    ran = CliRunner().invoke(app, ["check", "--max", "cases=0"], catch_exceptions=False)
    assert said in " ".join(ran.stdout.split())
    assert ran.exit_code == (0 if fixed_by == "after" else 3)
    commit(tmp_path / "r", {"support.txt": "Say {k}"})
    ran = CliRunner().invoke(app, ["check", "--max", "cases=0"], catch_exceptions=False)
    assert "2 of 2 confirmed failures cannot be asked with these templates." in ran.stdout
    assert ran.exit_code == 3, "what could not be measured breaks its limit"


@pytest.mark.parametrize(
    ("limit", "said"),
    [("odrer=.2", "no probe 'odrer'"), ("grounding=.2", "a changed answer is as it should be")],
)
def test_a_limit_that_makes_no_sense_is_refused(
    home: Path, store: Store, limit: str, said: str
) -> None:
    with pytest.raises(SmileTraceError, match=said):
        run("--max", limit)


@pytest.mark.parametrize(
    "arguments", [["--max", "order"], ["--max", "order=2"], ["--file", "a", "b"]]
)
def test_usage(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2
