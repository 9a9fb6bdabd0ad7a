"""Methods: what is contrasted with what, and how the encoder learns from it."""
