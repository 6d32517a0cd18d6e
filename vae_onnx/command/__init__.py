"""The `vae-onnx` command: models on files of pictures and arrays."""
