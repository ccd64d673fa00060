"""OpenTelemetry: a tracer provider of our own, and the spans of others in our spool."""
