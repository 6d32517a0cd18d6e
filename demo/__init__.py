"""The demo: draw, explore, generate, and see what a VAE and an AE make of it.

Reading order:

1. `library.py`     the models, bundled and a user's own, and what the page knows of each
2. `testset.py`     real test images, in `data/`
3. `pictures.py`    files that people hand in -> x, and pictures -> the page
4. `pad.py`         the canvas in the browser, and the checked way from its value to x
5. `latent_map.py`  the test set as a map, and where a drawing lands on it
6. `map_view.py`    how a map and what is on it are shown
7. `draw.py`, `explore.py`, `generate.py`, `training.py`, `use.py`   one tab each
8. `endpoints.py`   the same for programs; `routes.py` files, pictures and health over HTTP
9. `app.py`         `build()` puts the page together; `launch()` serves it
10. `__main__.py`   `python -m demo --host --port --models --device --share --root-path --mcp`

What the browser gets (HTML, CSS, JavaScript) lies in `static/`, in files of its own.
"""

import os

# Read when Gradio and onnxruntime are imported, and every module of this package is imported after
# these lines: the demo calls no other machine. onnxruntime 1.32 reports to its maker otherwise.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
