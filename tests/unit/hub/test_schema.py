"""The published JSON Schema is that of the records, and takes what is written."""

import json

from jsonschema import Draft202012Validator

from tests.support.entry_schema import FILE, schema
from tests.support.hub_entries import entry


def test_the_published_schema_is_that_of_the_records() -> None:
    assert FILE.read_text(encoding="utf-8") == schema(), "python -m tests.support.entry_schema"


def test_it_takes_what_is_written_and_nothing_else() -> None:
    validator = Draft202012Validator(json.loads(FILE.read_text(encoding="utf-8")))
    line = json.loads(entry(tags=("one",)).line)
    assert [error.message for error in validator.iter_errors(line)] == []
    assert list(validator.iter_errors({**line, "schema_version": 3}))
    assert list(validator.iter_errors({**line, "attempt": "first"}))
