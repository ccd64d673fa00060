"""The shipper: pooled attributions of what it samples, and what it takes."""
