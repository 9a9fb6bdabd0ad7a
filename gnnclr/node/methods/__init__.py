"""Methods: encoders, views and losses of one step of training."""
