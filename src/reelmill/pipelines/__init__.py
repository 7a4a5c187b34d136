"""Which stages make up each user task."""
