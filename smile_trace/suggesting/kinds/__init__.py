"""What a suggestion may be: one file each."""
