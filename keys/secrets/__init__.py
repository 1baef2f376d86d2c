"""Provider secrets: references to them, the places they come from, and the cache that stands in between."""
