"""The stages that make up each user task."""
