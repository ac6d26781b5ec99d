"""The gateway: an agent's only way out, mitmproxy with our addon and one unix socket an agent.

It imports neither Django nor anything else of the project, and needs no database: policy files
come in, usage lines go out. Start it from the project's folder with
`.venv-gateway/bin/python -m metrics_app.gateway`.
Only `addon` and `__main__` import mitmproxy.
"""
