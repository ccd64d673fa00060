"""One file per way of writing a call; `registry` finds them."""
