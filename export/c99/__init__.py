"""A model as one C99 header without any runtime."""
