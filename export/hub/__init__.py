"""A model folder to the Hugging Face Hub.

Reading order: `push` (the command), `model_card` (the page that goes with it).
"""
