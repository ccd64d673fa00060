"""Whether a profile finds what was planted, and nothing else."""
