"""What review pages need of a recording, and the pages."""
