"""Questions to SQL."""
