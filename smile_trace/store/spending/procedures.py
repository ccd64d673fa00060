"""The procedures of a shared store that count what is reserved and spent.

They take no turn with other writers, and hold the counters of the day, which everybody counts on,
for no longer than it takes to add to them: nobody waits there for a disk, nor for a process that is
frozen. A commit of the counters does not wait for the disk; that of the reservation after it does,
and the log of writes has one order: what is reserved is counted, whatever dies. What was counted
and not reserved any more stays spent.
"""

TAKEN_OVER = -1
"""What `reserve` says to a worker that is registered no more."""

_ENTRIES = (
    "scopes text[], keys text[], more_calls bigint[], more_tokens bigint[], "
    "more_usd double precision[], more_unpriced bigint[]"
)
_ADDED = (
    "calls = s.calls + excluded.calls, tokens = s.tokens + excluded.tokens, "
    "usd = s.usd + excluded.usd, unpriced_calls = s.unpriced_calls + excluded.unpriced_calls"
)

# The counters are taken in the order of the entries, everywhere the same, that of the day last.
PROCEDURES = f"""
CREATE OR REPLACE PROCEDURE reserve(
    {_ENTRIES},
    cap_calls double precision[], cap_tokens double precision[], cap_usd double precision[],
    by_worker bigint, of_id text, of_day text, of_model text, of_explanation text,
    of_calls bigint, of_tokens bigint, of_usd double precision, INOUT refused integer
) LANGUAGE plpgsql AS $$
BEGIN
    refused := NULL;
    IF by_worker IS NOT NULL AND NOT EXISTS (SELECT FROM workers WHERE id = by_worker) THEN
        refused := {TAKEN_OVER};
        RETURN;
    END IF;
    SET LOCAL synchronous_commit = off;
    FOR i IN 1 .. cardinality(keys) LOOP
        INSERT INTO spend AS s (scope, key, calls, tokens, usd, unpriced_calls)
        SELECT scopes[i], keys[i], more_calls[i], more_tokens[i], more_usd[i], more_unpriced[i]
        WHERE coalesce(more_calls[i] <= cap_calls[i], true)
            AND coalesce(more_tokens[i] <= cap_tokens[i], true)
            AND coalesce(more_usd[i] <= cap_usd[i], true)
        ON CONFLICT (scope, key) DO UPDATE SET {_ADDED}
        WHERE coalesce(s.calls + excluded.calls <= cap_calls[i], true)
            AND coalesce(s.tokens + excluded.tokens <= cap_tokens[i], true)
            AND coalesce(s.usd + excluded.usd <= cap_usd[i], true);
        IF NOT FOUND THEN
            ROLLBACK;
            refused := i - 1;
            RETURN;
        END IF;
    END LOOP;
    COMMIT;
    INSERT INTO reservations (id, day, model, explanation, calls, tokens, usd, settled)
    VALUES (of_id, of_day, of_model, of_explanation, of_calls, of_tokens, of_usd, false);
END
$$;
CREATE OR REPLACE PROCEDURE settle(
    {_ENTRIES}, of_id text, keep boolean, to_tokens bigint, to_usd double precision
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
    IF NOT FOUND THEN
        RETURN;
    END IF;
    FOR i IN 1 .. cardinality(keys) LOOP
        INSERT INTO spend AS s (scope, key, calls, tokens, usd, unpriced_calls)
        VALUES (scopes[i], keys[i], more_calls[i], more_tokens[i], more_usd[i], more_unpriced[i])
        ON CONFLICT (scope, key) DO UPDATE SET {_ADDED};
    END LOOP;
END
$$
"""
