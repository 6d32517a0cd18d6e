"""The demo: draw a digit and watch two autoencoders squeeze it into two numbers.

Reading order:

1. `pad.py`         the canvas in the browser, and the checked way from its value to ink
2. `latent_map.py`  the test set as a map, and where a drawing lands on it
3. `draw.py`        the page: pad, pictures, one map per model, and the function between them
4. `app.py`         `build()` puts the page together; `launch()` serves it
5. `__main__.py`    `python -m demo --host --port --share`

What the browser gets (HTML, CSS, JavaScript) lies in `static/`, in files of its own.
"""

import os

# Gradio reads this when it is imported, and every module of this package is imported after this
# line: the demo calls no other machine.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
