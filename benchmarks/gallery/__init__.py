"""A gallery of real explanations of the benchmark's prompts, failures included."""
