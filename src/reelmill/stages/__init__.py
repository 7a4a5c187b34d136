"""The steps of the pipelines, one file a stage."""
