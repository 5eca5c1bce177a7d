"""All that imports ray."""
