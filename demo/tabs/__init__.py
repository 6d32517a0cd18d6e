"""One tab of the page a module, and the pad that two of them have."""
