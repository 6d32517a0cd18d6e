"""A model folder to the Hugging Face Hub."""
