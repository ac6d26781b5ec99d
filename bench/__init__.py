"""What the portal costs: `python -m bench [start] [stream] [memory] [record]`."""
