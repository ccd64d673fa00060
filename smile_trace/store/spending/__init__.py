"""Money and answers: the ledger, and the purposes that it counts for."""
