"""The models that the demo shows, their test images and their maps."""
