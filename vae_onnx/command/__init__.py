"""The `vae-onnx` command: models on files of pictures and arrays.

Reading order: `parser` (what can be typed), `verbs` (what each command does), `inputs` (what it is
given), `files` (how those are read and written), `bench` (how fast a model is).
"""
