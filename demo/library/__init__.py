"""The models that the demo shows, and what it knows of them.

Reading order: `asked.py` what may be asked, in numbers; `testset.py` real test images, in
`data/`; `latent_map.py` the test set as a map; `directions.py` along which codes spread;
`beside.py` what training wrote beside the graphs; `lane.py` a model of grey pictures, one of
several that are shown together; `single.py` a model that is shown by itself; `models.py` the
models, bundled and a user's own.
"""
