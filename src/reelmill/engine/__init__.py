"""Split, infer, merge: the machinery under every pipeline; knows nothing of speech or faces."""
