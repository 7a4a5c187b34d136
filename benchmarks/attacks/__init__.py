"""Every known attack on a run, its originals and its evidence, tried through the command line."""
