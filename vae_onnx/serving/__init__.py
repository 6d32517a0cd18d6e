"""Models for other machines: which models and tensors a service offers, and such a service.

Reading order: `layout` (the models and tensors, which Triton's repository has as well), `options`,
`parts` (requests are checked, batches computed), `batching`, the room `_protocol` (HTTP and gRPC on
KServe's server), `worker` (one process) and `service` (all of them: `vae-onnx serve`).
"""
