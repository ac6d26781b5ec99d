"""The gateway stands alone: its environment has nothing of the project's but this package."""

import ast
from pathlib import Path

import pytest

import metrics_app.gateway

FOLDER = Path(metrics_app.gateway.__file__).parent
WITH_MITMPROXY = {"addon.py", "__main__.py", "flows.py", "resolving.py"}


def list_imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a script that mitmdump loads has no package"
            yield node.module


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_modules_import_nothing_else_of_the_project(path):
    for module in list_imports(path):
        top = module.split(".")[0]
        assert top not in {"django", "agents", "cam_site", "voice_app"}
        assert not module.startswith("metrics_app") or module.startswith("metrics_app.gateway")
        assert top not in {"mitmproxy", "mitmproxy_rs"} or path.name in WITH_MITMPROXY
