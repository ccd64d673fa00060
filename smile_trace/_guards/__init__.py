"""Guards between this package and what other programs and people give it."""
