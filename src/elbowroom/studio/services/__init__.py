"""What the studio does, without a word of HTTP."""
