"""The torch side: train a VAE and an AE, freeze them into ONNX graphs, write the report.

Reading order: `config` (what can be chosen), `data` and `folder`, `model` and `loss` (the method),
`step` and `trainer` (the loop) and `distributed` (in several processes), `train` with `tracking`,
`runs`, `card` and `checkpoint` (a run and what it leaves behind), `evaluate`, `figures`, `compare`
and `report` (what is made of it), `ablation` and `speedrun` (how good the recipe is), `graphs` and
`drawing` (the ONNX files that cross the wall to `vae_onnx`), `quantize` with `precision` and
`rounding` (the same in shorter numbers), `golden` (what other hosts of them are tested with),
`network`, `short_network` and `c_source` (the graphs again as C99 without any runtime), `__main__`
(the commands). `errors`, `files` and `markdown` serve all of them.
"""
