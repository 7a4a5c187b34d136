"""Small inputs that once went wrong, with what is right, through the commands as users run them."""
