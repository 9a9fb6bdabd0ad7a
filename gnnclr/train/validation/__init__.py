"""The loss of held-out images while a method is trained, by Lightning's own loop."""
