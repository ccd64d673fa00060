"""Programs that take the pictures of the documentation."""
