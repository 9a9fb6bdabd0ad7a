"""Images in memory: folders, archives and known data sets, and batches of them."""
