"""The torch side: train a VAE and an AE, freeze them into ONNX graphs, write the report.

A room each, in reading order: `data` and `networks`, `training` (a run), `report` (what is made of
runs), `graphs` (the ONNX files that cross the wall to `vae_onnx`), `lowprecision` and `c99` (the
same in shorter numbers, and in C), `experiments` (how good a recipe is), `hub` (where models go). A
room imports only those before it. `__main__` has the commands, `config` what can be chosen;
`errors`, `writing` (files that are never half written) and `markdown` (tables) serve all of them.
"""
