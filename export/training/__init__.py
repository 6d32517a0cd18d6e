"""One training run: what is minimised, how, and what the run leaves in its folder."""
