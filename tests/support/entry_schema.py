"""The published JSON Schema of a line of the hub's file: `python -m tests.support.entry_schema`."""

import json

from smile_trace.records.entry import Entry
from tests.support.paths import ROOT

FILE = ROOT / "docs" / "schemas" / "entry.schema.json"


def schema() -> str:
    """The schema of what is written today, as the file has it."""
    made = Entry.model_json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "explanations.smile.jsonl",
    }
    return json.dumps({**made, **head}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(schema(), encoding="utf-8")
