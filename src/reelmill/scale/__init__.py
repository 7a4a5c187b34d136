"""Beyond one machine: several engines work on one folder of recordings and one of results."""
