"""Full-text search over the results in output folders."""
