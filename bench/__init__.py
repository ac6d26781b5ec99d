"""What the portal costs: `python -m bench [cost] [start] [stream] [memory] [record]`."""
