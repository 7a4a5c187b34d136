"""Split, infer, merge: the machinery under every pipeline. It knows nothing of speech or faces."""
