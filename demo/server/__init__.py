"""What programs can ask for: named endpoints, and files over HTTP.

Reading order: `words.py` what goes wrong around a call, in our words; `endpoints.py` what can be
called; `routes.py` maps, test images, files of models and health over HTTP.
"""
