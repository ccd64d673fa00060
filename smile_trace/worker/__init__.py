"""The worker: its steps in turns, and the tables that join them.

No step calls the next: each looks in the store for its work, so that any of them may end, fail or
run on another machine.

- `ingest`: the files of the spool, of receivers and of Collectors; `pull`: what backends hold.
- `store.traces`: traces that nothing is added to any more; `dialects` read their calls.
- `sample`: calls without a decision; for some a job is written, `pending`.
- `explaining.engine_queues`: due jobs, as far as pauses, caps and room allow.
- `explaining.engine`, then `explaining.explain`: a workflow of the engine for each, by rounds.
- `delivery`: positions of traces and explanations above a tracker's mark in the outbox.

`run` calls them in turn; `fleet` knows which workers live, and hands on a dead one's jobs.
"""
