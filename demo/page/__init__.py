"""What the browser is shown: templates, maps and pictures."""
