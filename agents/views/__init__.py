"""The pages. A view fetches with permission, validates a form, calls one service and renders."""
