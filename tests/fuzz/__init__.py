"""Coverage-guided fuzzing of every reader of foreign data: `make fuzz MINUTES=60`."""
