"""Deliveries to all trackers, beside bare requests to the same servers."""
