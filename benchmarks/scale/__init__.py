"""How far it goes: a store of millions of calls, and on paper (`make bench-scale`)."""
