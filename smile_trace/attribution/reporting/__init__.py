"""The way from effects to the Explanation: one list of all levels, the verdict, the sentence."""
