"""Trained encoders with the preprocessing of their images, and their files."""
