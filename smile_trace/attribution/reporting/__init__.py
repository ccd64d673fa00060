"""The way from effects to the Explanation: one list of several levels, the verdict, the
sentence."""
