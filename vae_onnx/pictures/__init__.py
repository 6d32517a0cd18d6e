"""Pictures as people have them -> x of the graphs, and x -> pictures.

Reading order: `arrays` (numpy arrays of any layout) with `remedies` (what to pass instead), `files`
(picture files) with `levels` (of more than 8 bits) and `colours`, `fitting` (to a size), `showing`
(in a notebook), `paper` (where it is, and what is ink), `strokes` (of thin pens), `drawing`
(strokes of any size, as MNIST's digits are).
"""
