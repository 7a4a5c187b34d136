"""Small inputs that once went wrong, run through the commands, with the right result."""
