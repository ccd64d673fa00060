"""Records in others' formats: OTLP, the requests of APIs, answers that are not plain text."""
