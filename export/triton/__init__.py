"""A model as a repository of NVIDIA's Triton Inference Server.

Reading order: `repository` (the command), `configuration` (what config.pbtxt says).
"""
