"""What the page is made of, in Python here and for the browser in `static/`.

Reading order: `pictures.py` files that people hand in -> x, and pictures -> the page;
`templates.py` theme, style sheet and templates; `maps.py` how a map and what is on it are shown;
`charts.py` how losses are; `live.py` how what a hand moves is answered.
"""
