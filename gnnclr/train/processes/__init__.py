"""What a training on several processes is told, and how its processes share a step."""
