"""Evidence files and batches through worker processes into the trail: limits, counts, custody."""
