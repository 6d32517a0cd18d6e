"""What a model has to pass before anything of it is written.

Reading order: `soundness` (does it draw, does a row depend on others, can every host run it),
`parity` (does the graph compute what the model does), `sizes` (which multiple height and width
must be), `roundtrip` (do pictures come back, and in the stated range of pixels).
"""
