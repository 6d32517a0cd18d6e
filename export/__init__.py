"""The torch side: train a VAE and an AE, freeze them into ONNX graphs, write the report.

Reading order: `config` (what can be chosen), `data` and `folder`, `model` and `loss` (the method),
`train` (the loop) with `tracking`, `runs` and `checkpoint` (what a run leaves behind), `evaluate`,
`figures`, `compare` and `report` (what is made of it), `graphs` and `drawing` (the ONNX files that
cross the wall to `vae_onnx`), `__main__` (the commands). `errors` and `files` serve all of them.
"""
