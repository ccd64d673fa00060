"""From effects to what people read: one picture of several levels, the verdict, the sentences."""
