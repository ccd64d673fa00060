"""Other forms of entries, and back: nothing is lost on the way."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from smile_trace.cli.app import app
from smile_trace.errors import SmileTraceError
from smile_trace.hub import read_entries, write_entries
from smile_trace.hub.files import COLUMNS, rows, write_dataset, write_parquet
from smile_trace.hub.live import diff
from smile_trace.hub.prompts import Asked, read_prompts
from smile_trace.records.entry import Entry
from tests.support.entry_schema import FILE, schema
from tests.support.explained import explanation
from tests.support.hub_entries import entry, explained

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=60)


@settings(max_examples=25)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3, unique=True))
def test_a_file_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]]
) -> None:
    file = tmp_path_factory.mktemp("f") / "x.smile.jsonl"
    made = [
        Entry.of(explanation([("user", prompt)], {}, answer=answer), tags=(answer,))
        for prompt, answer in texts
    ]
    write_entries(made, file)
    assert [one for _, one in read_entries(file)] == list({one.id: one for one in made}.values())


def test_parquet_gives_back_every_row(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    made = [entry(), Entry.of(explanation(answer="\U0001f600 <b>"), licence="MIT", tags=("a", "b"))]
    assert write_parquet(made, tmp_path / "x.parquet") == len(list(rows(made)))
    read = pq.read_table(tmp_path / "x.parquet").to_pylist()
    wanted = [{name: row.get(name) for name in COLUMNS} for row in rows(made)]
    assert read == wanted
    first = [row for row in read if row["entry"] == made[0].id]
    assert [row["attribution"] for row in first] == [s.attribution for s in explained().segments]


def test_a_data_set_has_a_card_and_both_files(tmp_path: Path) -> None:
    assert write_dataset([entry(licence="CC-BY-4.0")], tmp_path / "d", title="Ours: all") == 1
    card = (tmp_path / "d" / "README.md").read_text()
    assert card.startswith("---\nlicense: cc-by-4.0\n")
    assert "data_files: segments.parquet" in card
    assert {p.name for p in (tmp_path / "d").iterdir()} == {
        *("README.md", "segments.parquet", "explanations.smile.jsonl")
    }


def test_merging_keeps_each_once(tmp_path: Path) -> None:
    one, other = tmp_path / "1", tmp_path / "2"
    write_entries([entry(), entry(tags=("x",))], one)
    write_entries([entry(tags=("x",)), entry(tags=("y",))], other)
    to = str(tmp_path / "all")
    done = CliRunner().invoke(app, ["hub", "merge", str(one), str(other), "--to", to])
    assert done.output.startswith("3 of 4 entries")
    same = CliRunner().invoke(app, ["hub", "diff", str(one), str(other)])
    assert same.output == "1 same\n"


def test_a_difference_says_what_each_model_looked_at() -> None:
    def of(model: str, word: str, answer: str = "yes") -> Entry:
        found = explanation([("user", "Is it red or blue?")], {word: 0.7}, answer=answer)
        asked = found.settings.model_copy(update={"model": model})
        return Entry.of(found.model_copy(update={"settings": asked}))

    [same] = diff([of("a", "red")], [of("a", "red")])
    assert same.change == "same"
    [moved] = diff([of("a", "red")], [of("b", "blue")])
    assert moved.change == "changed"
    assert moved.before is not None
    assert moved.after is not None
    assert (moved.before.driver, moved.after.driver) == ("red", "blue")
    [answered] = diff([of("a", "red")], [of("a", "red", "no")])
    assert (answered.change, answered.reason) == ("changed", "the answer is another one")
    found = list(diff([of("a", "red"), of("b", "red"), of("c", "red")], [of("a", "red")]))
    assert [one.change for one in found] == ["same", "only before", "only before"]
    assert [one.change for one in diff([], [of("a", "red")])] == ["only after"]


PROMPTFOO = {
    "results": {
        "version": 3,
        "results": [
            {
                "prompt": {"raw": "Is it red?", "label": "x"},
                "response": {"output": "Yes."},
                "vars": {},
            },
            {"prompt": {"raw": '[{"role": "user", "content": "Is it blue?"}]', "label": "y"}},
        ],
    }
}


MLFLOW = [{"inputs": {"question": "Is it red?"}, "outputs": {"response": "Yes."}, "tags": {}}]


BLUE = [{"role": "user", "content": "Is it blue?"}]


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        (json.dumps(PROMPTFOO), [Asked("Is it red?", "Yes."), Asked(BLUE, None)]),
        (json.dumps(MLFLOW), [Asked("Is it red?", "Yes.")]),
        ('"One?"\n{"messages": [{"role": "user", "content": "Is it blue?"}], "answer": "No"}\n',
         [Asked("One?", None), Asked(BLUE, "No")]),
        ('{"prompt": "One?"}', [Asked("One?", None)]),
    ],
)  # fmt: skip
def test_prompts_of_other_tools_are_read(held: str, wanted: list[Any], tmp_path: Path) -> None:
    file = tmp_path / "prompts"
    file.write_text(held)
    assert list(read_prompts(file)) == wanted


@pytest.mark.parametrize("held", ['{"a": 1}', "7", "not json", '{"prompt": 7}', '[["x"]]'])
def test_what_holds_no_prompt_is_said(held: str, tmp_path: Path) -> None:
    file = tmp_path / "prompts"
    file.write_text(held)
    with pytest.raises(SmileTraceError, match=r"prompts, (item|line) 1: "):
        list(read_prompts(file))


def test_the_published_schema_is_that_of_the_records() -> None:
    assert FILE.read_text(encoding="utf-8") == schema(), "python -m tests.support.entry_schema"


def test_it_takes_what_is_written_and_nothing_else() -> None:
    validator = Draft202012Validator(json.loads(FILE.read_text(encoding="utf-8")))
    line = json.loads(entry(tags=("one",)).line)
    assert [error.message for error in validator.iter_errors(line)] == []
    assert list(validator.iter_errors({**line, "schema_version": 3}))
    assert list(validator.iter_errors({**line, "attempt": "first"}))
