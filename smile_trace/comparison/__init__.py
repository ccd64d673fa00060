"""Prompt versions side by side: what each part of a template does, and what a change did."""
