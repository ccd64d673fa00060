"""The pieces of a request that can be removed, and how a request is partitioned into them."""
