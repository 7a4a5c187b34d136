"""The stages behind review pages, and the pages."""
