"""The networks that are trained: weights in, logits out, and nothing about training.

Reading order: `mlp`, the report's two.
"""
