"""How anybody's encoder and decoder become a model folder.

Reading order: `door` (the one way through, step by step), `options` (what a user may say), `model`
(the two halves of a stranger's model), `reading` (which layouts they take and give), `metadata` and
`folder` (what is written), `adopting` (graphs that exist already), `shortening` (a folder's graphs
in int8 and float16). Below them are the rooms `folding` (pixels, logits and layouts go into the
graphs) and `gates` (what a model has to pass). They need onnx, and know nothing of PyTorch.
"""
