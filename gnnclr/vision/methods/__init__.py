"""Methods: which view goes through which network, and what is contrasted with what."""
