"""What stands between us and what other programs say."""
