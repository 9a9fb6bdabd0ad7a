"""Images: SimCLR in a time budget, objectives and techniques beside each other."""
