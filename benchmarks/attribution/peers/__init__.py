"""The peers, each behind an adapter of its own file; `registry` lists them."""
