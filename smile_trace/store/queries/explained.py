"""Explained calls, and where trackers show them."""

from sqlalchemy import func, select

from smile_trace.records import Call, Explanation, Record
from smile_trace.store.database import Database
from smile_trace.store.tables import calls, deliveries, explanations


class Explained(Record):
    """An explained call. `urls` says where each tracker shows it, by the tracker's name."""

    call: Call
    explanation: Explanation
    urls: dict[str, str] = {}


def read_explained(database: Database, *, since: float) -> list[Explained]:
    """The newest explanation of each call that was explained after `since` (Unix seconds).

    In the order of the calls; without the perturbations, which `Jobs.explanation` reads.
    """
    newest = select(func.max(explanations.c.id)).group_by(explanations.c.call_id)
    query = (
        select(calls.c.body.label("call"), explanations.c.body.label("explanation"), calls.c.id)
        .join(calls, calls.c.id == explanations.c.call_id)
        .where(explanations.c.id.in_(newest), explanations.c.created_at > since)
        .order_by(calls.c.start_ns)
    )
    with database.read() as connection:
        return [
            Explained(
                call=Call.model_validate_json(row.call),
                explanation=Explanation.model_validate_json(row.explanation),
                urls=_urls(connection, row.id),
            )
            for row in connection.execute(query).all()
        ]


def _urls(connection, call_id: str) -> dict[str, str]:  # type: ignore[no-untyped-def]
    query = select(deliveries.c.tracker, deliveries.c.url).where(
        deliveries.c.kind == "explanation",
        deliveries.c.item == call_id,
        deliveries.c.url.is_not(None),
    )
    return {row.tracker: row.url for row in connection.execute(query)}
