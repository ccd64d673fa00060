"""A Comparison, and a Report of what mattered: pages, pictures, Markdown, terminal."""
