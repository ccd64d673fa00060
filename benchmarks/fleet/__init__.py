"""What a shared store takes: reservations a second, of clients that each are a process."""
