"""What several processes agree on, and rows that they have in common."""
