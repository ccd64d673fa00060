"""The OpenAI-compatible HTTP API: its wire format, connections and embeddings."""
