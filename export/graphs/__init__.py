"""The ONNX files that cross the wall to `vae_onnx`.

Reading order: `model_folder` (a run becomes a model), `freezing` (a torch module becomes a graph,
through the door of `vae_onnx.torch`), `parity` (the gate it has to pass), `drawing` (MNIST's
preprocessing as a graph), `golden` (what other hosts are tested with).
"""
