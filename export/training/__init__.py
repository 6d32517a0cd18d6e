"""One training run: what is minimised, how, and what the run leaves in its folder.

Reading order: `objective` (the loss), `step`, `noise` and `trainer` (the loop), `preparing` (what
comes before it), `run` (a training from its start to its end), `resuming` (or on from where it was
stopped), `distributed` (in several processes), `job` (started anew by `torchrun`), `cpu` (fast on a
CPU); and what a run leaves: `record` (its text files), `checkpoint`,
`curves` and `tracking`, `card`; `origin` loads the images again that it was trained on.
"""
