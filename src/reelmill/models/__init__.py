"""Loading and calling of model libraries, one file per model family. Heavy imports are inside
`load`."""
