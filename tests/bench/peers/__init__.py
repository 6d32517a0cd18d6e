"""Who computes the same as vae_onnx, each in a process of its own, and how they take turns.

Read `given` (what a peer is given and what it is), then the peers themselves (`ours`, `engines`,
`arrays`, `torches`, `lite`, `compiled`), then `worker` (the process of one), `driver` (who has all
of them measured), `text` (what is written of it). `install` makes the environment of those that
.venv does not have.
"""
