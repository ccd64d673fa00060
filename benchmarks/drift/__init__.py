"""How often the alarm for drift is false, and how soon it finds a swapped model."""
