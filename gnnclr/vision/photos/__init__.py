"""Photos of any size and mode, read from where they are."""
