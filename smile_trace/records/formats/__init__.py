"""Records in the words of others: OTLP, the requests of APIs, answers that are no text."""
