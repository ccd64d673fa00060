"""The influence of a template's segments, pooled over the calls of a prompt version."""
