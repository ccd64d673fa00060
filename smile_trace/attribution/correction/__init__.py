"""Wrong answers: what the answer should have been, and the smallest removal with which it is."""
