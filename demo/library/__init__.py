"""The models that the demo shows, and what it knows of them.

Reading order: `asked.py` what may be asked, in numbers; `testset.py` real test images, in
`data/`; `latent_map.py` the test set as a map; `directions.py` along which codes spread;
`single.py` a model that is shown by itself; `models.py` the models, bundled and a user's own.
"""
