"""The ONNX files that cross the wall to `vae_onnx`.

Reading order: `model_folder` (a run becomes a model), `freezing` (a torch module becomes a graph),
`versions` (the oldest that hold it), `parity` (the gate it has to pass), `drawing` (MNIST's
preprocessing as a graph), `golden` (what other hosts are tested with).
"""
