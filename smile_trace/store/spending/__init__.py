"""Money and answers: the ledger, and what each part of it is counted for."""
