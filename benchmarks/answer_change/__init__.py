"""How well an answer that changed is told from one that says the same."""
