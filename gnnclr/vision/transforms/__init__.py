"""Random views of a whole batch at once, and transforms of images."""
