"""Anthropic's Messages API: its wire format and connections."""
