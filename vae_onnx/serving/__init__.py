"""Models for other machines: which models and tensors a service offers, and such a service.

Reading order: `layout` (the models and tensors, which Triton's repository has as well).
"""
