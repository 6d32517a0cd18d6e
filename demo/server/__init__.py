"""What programs can ask for: named endpoints, and files over HTTP.

Reading order: `limits.py` how much one visitor may ask for; `words.py` what goes wrong around a
call, in our words; `schema.py` how values are
taken; `endpoints.py` what can be called; `paired.py` and `alone.py` what they answer of a model
that is shown with others and by itself; `routes.py` maps, test images, files of models and health
over HTTP.
"""
