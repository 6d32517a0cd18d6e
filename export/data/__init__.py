"""The data sets, each split held as one tensor, and folders of pictures as data sets.

Reading order: `datasets` (any of them), `known` (MNIST and Fashion-MNIST); of a folder `walk` (what
it holds), `layout` (what its folders mean), `folder` (its pictures, read), `split`, `fingerprint`
(whether it has changed since a model was trained on it).
"""
