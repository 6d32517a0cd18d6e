"""What is made of finished runs: test figures, pictures, comparisons, the report."""
