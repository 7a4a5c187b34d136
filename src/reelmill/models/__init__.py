"""One file a model family: loading and calling a library; heavy imports inside `load`."""
