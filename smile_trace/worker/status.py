"""How a home stands: what the store says, and what capture could not even write."""

from smile_trace.capture.faults import read_losses
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.status import Counted, Status


def read_home(settings: Settings) -> Status:
    """How things stand in `settings.home`, what capture lost there included.

    Raises:
        StoreError: see `Store.open`.
    """
    store = Store.open(settings)
    try:
        lost = read_losses(settings.spool)
        reasons = tuple(Counted(reason=reason, count=count) for reason, count in lost.items())
        read = {name: file.offset for name, file in store.traces.files().items()}
        update = {
            "lost": sum(lost.values()),
            "lost_by_reason": reasons,
            "unread_files": sum(
                path.stat().st_size > read.get(path.name, 0)
                for path in settings.spool.glob("*.jsonl")
            ),
        }
        return store.status().model_copy(update=update)
    finally:
        store.close()
