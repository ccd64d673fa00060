"""Records as any release wrote them: read, or refused by pydantic's error alone."""

import json

from pydantic import ValidationError

from smile_trace.records import Call, Explanation, Response, Span
from smile_trace.records.comparison import Comparison
from smile_trace_contracts.samples import sample_comparison, sample_explanation, sample_trace
from tests.support.readers.base import ForeignReader

_KINDS = (Call, Comparison, Explanation, Response, Span)


def _read(data: bytes) -> None:
    for kind in _KINDS:
        try:
            record = kind.model_validate_json(data)
        except ValidationError:
            continue
        kind.model_validate(record.model_dump())
        if isinstance(record, Explanation):
            assert len(record.settings.hash) == 16


def _seeds() -> list[bytes]:
    trace = sample_trace()
    call = trace.calls[0]
    explanation = sample_explanation(call)
    old = explanation.model_dump(mode="json") | {"schema_version": 1}
    records = [call, trace.spans[0], explanation, sample_comparison("p"), Response(text="a")]
    return [*(r.model_dump_json().encode() for r in records), json.dumps(old).encode()]


STORED_RECORDS = ForeignReader("stored records", _read, _seeds)
