"""Pictures as people have them -> x of the graphs, and x -> pictures.

Reading order: `arrays` (numpy arrays of any layout), `drawing` (strokes of any size, as MNIST's
digits are).
"""
