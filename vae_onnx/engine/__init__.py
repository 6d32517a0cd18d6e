"""One ONNX file, run well: on which device, on how many threads, block by block."""
