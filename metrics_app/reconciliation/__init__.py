"""The page that shows each turn's cost beside the CLI's own figure."""
