"""The networks that are trained: weights in, logits out, and nothing about training.

Reading order: `autoencoder` (encoder and decoder as a VAE or AE), `mlp` (the report's two), `conv`
(residual convolutions, by `export.plan`), `building` (from a config to a model).
"""
