"""What a model costs: prices, the ledger and the response cache, and the wrapper that uses them."""
