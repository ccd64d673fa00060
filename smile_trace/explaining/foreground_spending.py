"""What is asked in the foreground counts in the caps of the settings, as what the worker asks."""

import uuid
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from smile_trace.attribution import Embed
from smile_trace.explaining.named_models import ANSWERS, PACKAGED_MODELS, AnyModel
from smile_trace.explaining.studies import PROXY_CALLS
from smile_trace.models import Model
from smile_trace.models.ledger import (
    Attempts,
    CountingLedger,
    Ledger,
    MemoryCache,
    MemoryLedger,
)
from smile_trace.models.metered import MeteredModel
from smile_trace.models.registry import open_embeddings
from smile_trace.settings import Settings

if TYPE_CHECKING:
    from smile_trace.store import Store


class ForegroundSpending:
    """Counts what one call of `explain()` or its like asks, until it is closed.

    A model that has a table in the settings counts in their caps per day, and waits for its limits
    per minute, in the store of the settings: the first such model opens it, and makes it where
    there is none. A Model, a function and a packaged model without a table open no store: the
    budget is all that holds for them. Answers are kept in this process.

    Args:
        conf: the settings.
        calls: the budget, the most calls to the model.
        attempts: what its calls and its proxy's count in besides.
    """

    def __init__(self, conf: Settings, calls: int, attempts: Attempts | None = None) -> None:
        self._conf = conf
        self._calls = calls
        self._attempts = attempts
        self._scope = f"foreground/{uuid.uuid4().hex}"
        self._alone = MemoryLedger(calls)
        self._store: Store | None = None

    def __enter__(self) -> "ForegroundSpending":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._store is not None:
            self._store.close()

    def metered(self, model: Model, asked: AnyModel | None, *, fresh: bool = False) -> MeteredModel:
        """The model, with its calls counted.

        Args:
            model: the model.
            asked: who was asked for: where it is a name, that of the model in the settings.
            fresh: ask again what this process has asked before.

        Raises:
            StoreError: the store cannot be opened, so that nobody can tell what is left.
        """
        ledger = self._stored(asked, self._calls) or self._alone
        return self._counted(model, asked, ledger, self._scope, fresh)

    def metered_proxy(
        self, proxy: Model, asked: AnyModel | None, *, fresh: bool = False
    ) -> MeteredModel:
        """The same for a proxy, which is asked 200 times at most: its calls and tokens count in
        the caps of its own table alone."""
        ledger = self._stored(asked, PROXY_CALLS) or MemoryLedger(PROXY_CALLS)
        return self._counted(proxy, asked, ledger, self._scope_for("proxy"), fresh)

    def embeddings(self) -> Embed | None:
        """The word vectors that the settings name, with their calls counted, beside the budget;
        None for the packaged ones.

        Raises:
            ModelUnavailable: the key of their model is missing.
            NoModel: the settings have no such endpoint.
            StoreError: as for `metered`.
        """
        found = open_embeddings(self._conf)
        ledger = self._stored(self._conf.explain.embeddings, None)
        if found is None or ledger is None:
            return found
        # The object itself keeps its vectors.
        return found.paid_from(ledger, MemoryCache(0), self._scope_for("embeddings"))

    def _stored(self, asked: AnyModel | None, calls: int | None) -> Ledger | None:
        """The store's ledger; None for what has no table in the settings."""
        if not isinstance(asked, str):
            return None
        if asked in PACKAGED_MODELS and asked not in self._conf.models:
            return None
        if self._store is None:
            from smile_trace.store import Store  # which takes a second to load

            self._store = Store.open(self._conf)
        return self._store.ledger.with_budget(calls)

    def _scope_for(self, purpose: Literal["proxy", "embeddings"]) -> str:
        from smile_trace.store.spending.ledger import BudgetScope, Purpose

        return BudgetScope(self._scope).for_purpose(Purpose(purpose)).key

    def _counted(
        self, model: Model, asked: AnyModel | None, ledger: Ledger, scope: str, fresh: bool
    ) -> MeteredModel:
        counting = ledger if self._attempts is None else CountingLedger(ledger, self._attempts)
        return MeteredModel(
            model,
            ledger=counting,
            cache=ANSWERS,
            explanation=scope,
            fresh=fresh,
            paid_as=asked if isinstance(asked, str) else None,
        )
