"""The networks that are trained: weights in, logits out, and nothing about training.

Reading order: `autoencoder` (encoder and decoder as a VAE or AE), `mlp` (the report's two), `plan`
and `conv` (residual convolutions), `building` (from a config to a model).
"""
