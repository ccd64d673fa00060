"""The procedures of a shared store that count reservations and spending.

They do not queue with other writers, and hold the day's shared counters only while adding to them,
so that nobody waits there for a disk or a frozen process. Committing the counters does not wait for
the disk. The reservation's commit after it does, and the write log has one order: every reservation
is counted, whatever dies. A count without its reservation stays spent.
"""

TAKEN_OVER = -1
"""The answer of `reserve` to a worker that is not registered any more."""

_ENTRY = (
    "jsonb_to_recordset(entries) AS e(scope text, key text, calls bigint, tokens bigint, "
    "usd double precision, unpriced_calls bigint, cap_calls double precision, "
    "cap_tokens double precision, cap_usd double precision)"
)
_ADDED = (
    "calls = s.calls + excluded.calls, tokens = s.tokens + excluded.tokens, "
    "usd = s.usd + excluded.usd, unpriced_calls = s.unpriced_calls + excluded.unpriced_calls"
)

# The counters are taken in the order of the entries, everywhere the same, that of the day last.
RESERVE = f"""
CREATE OR REPLACE PROCEDURE reserve(
    entries jsonb, reservation jsonb, by_worker bigint, INOUT refused integer
) LANGUAGE plpgsql AS $$
DECLARE
    entry record;
BEGIN
    IF by_worker IS NOT NULL AND NOT EXISTS (SELECT FROM workers WHERE id = by_worker) THEN
        refused := {TAKEN_OVER};
        RETURN;
    END IF;
    SET LOCAL synchronous_commit = off;
    refused := 0;
    FOR entry IN SELECT e.* FROM {_ENTRY} LOOP
        INSERT INTO spend AS s (scope, key, calls, tokens, usd, unpriced_calls)
        SELECT entry.scope, entry.key, entry.calls, entry.tokens, entry.usd, entry.unpriced_calls
        WHERE coalesce(entry.calls <= entry.cap_calls, true)
            AND coalesce(entry.tokens <= entry.cap_tokens, true)
            AND coalesce(entry.usd <= entry.cap_usd, true)
        ON CONFLICT (scope, key) DO UPDATE SET {_ADDED}
        WHERE coalesce(s.calls + excluded.calls <= entry.cap_calls, true)
            AND coalesce(s.tokens + excluded.tokens <= entry.cap_tokens, true)
            AND coalesce(s.usd + excluded.usd <= entry.cap_usd, true);
        EXIT WHEN NOT FOUND;
        refused := refused + 1;
    END LOOP;
    IF refused < jsonb_array_length(entries) THEN
        ROLLBACK;
        RETURN;
    END IF;
    COMMIT;
    refused := NULL;
    INSERT INTO reservations
    SELECT r.* FROM jsonb_populate_record(NULL::reservations, reservation) AS r;
END
$$
"""
SETTLE = f"""
CREATE OR REPLACE PROCEDURE settle(
    entries jsonb, of_id text, keep boolean, to_tokens bigint, to_usd double precision
) LANGUAGE plpgsql AS $$
BEGIN
    -- Where this is lost, the reservation stands.
    SET LOCAL synchronous_commit = off;
    IF keep THEN
        UPDATE reservations SET settled = true, tokens = to_tokens, usd = to_usd
        WHERE id = of_id AND NOT settled;
    ELSE
        DELETE FROM reservations WHERE id = of_id AND NOT settled;
    END IF;
    IF FOUND THEN
        INSERT INTO spend AS s (scope, key, calls, tokens, usd, unpriced_calls)
        SELECT e.scope, e.key, e.calls, e.tokens, e.usd, e.unpriced_calls FROM {_ENTRY}
        ON CONFLICT (scope, key) DO UPDATE SET {_ADDED};
    END IF;
END
$$
"""
PROCEDURES = (RESERVE, SETTLE)
