"""A page of prompts that a reader takes apart: every answer was asked for beforehand."""
