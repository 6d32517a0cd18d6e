"""The ONNX files that cross the wall to `vae_onnx`."""
