"""What programs can ask for: named endpoints, and files over HTTP."""
