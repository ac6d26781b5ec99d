"""Imports go one way. Read from the source, so that an import inside a function counts too."""

import ast
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("agents", "cam_site", "metrics_app", "voice_app")

PURE = (
    "agents.stream_json",
    "agents.batching",
    "agents.hardening",
    "agents.workspaces",
    "agents.diffs",
    "agents.rendering",
    "agents.security_card",
    "metrics_app.budgets.amounts",
    "metrics_app.forecast",
    "metrics_app.charts",
    "metrics_app.comparisons",
    "metrics_app.indicators",
    "metrics_app.presets",
    "metrics_app.price_list",
    "metrics_app.pricing",
    "metrics_app.ranges",
    "metrics_app.raw_usage",
    "metrics_app.transcript",
    "metrics_app.gateway",
    "metrics_app.gateway.*",
)
WEB = tuple(
    pattern
    for app in ("agents", "metrics_app", "voice_app")
    for name in ("views", "forms", "consumers", "api", "fragments", "urls", "routing", "admin")
    for pattern in (f"{app}.{name}", f"{app}.{name}.*")
)
SERVICES = ("agents.services", "agents.services.*")
EVENT_WRITERS = ("agents.recorder", "agents.bridge", "agents.bridge.*")

FRAMEWORKS = ("django", "channels", "celery", "ninja", "docker")
DOCKER = ("docker", "agents.containers")
MAKERS = {"create", "bulk_create", "get_or_create", "update_or_create"}
ABOVE_SERVICES = tuple(
    f"agents.{name}" for name in ("tasks", "bridge", "views", "consumers", "api", "admin")
)

Source = dict[str, str]


# What the source says


def read_source() -> Source:
    """The text of every module of the project by its dotted name."""
    return {
        dotted_name(path.relative_to(ROOT)): path.read_text()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "migrations" not in path.parts
    }


def dotted_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(name: str, text: str, *, is_package: bool = False) -> set[str]:
    """Every name that is imported, at the top or in a function: `a.b` and `a.b.c` of
    `from a.b import c`, since c may be a module."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*anchor(name, node.level, is_package), *filter(None, [node.module])])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def anchor(name: str, level: int, is_package: bool) -> list[str]:
    """Where a relative import of `level` dots starts; nowhere for an absolute one."""
    if not level:
        return []
    parts = name.split(".") if is_package else name.split(".")[:-1]
    return parts[: len(parts) - (level - 1)]


def graph_of(source: Source) -> dict[str, set[str]]:
    packages = {name.rpartition(".")[0] for name in source}
    return {
        name: imports_of(name, text, is_package=name in packages) for name, text in source.items()
    }


def reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    """All that importing `start` imports, through the project's own modules and packages."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        imported = graph.get(waiting.pop(), set())
        packages = {
            ".".join(parts[:n]) for parts in map(split, imported) for n in range(len(parts))
        }
        new = (imported | (packages & graph.keys())) - seen
        seen |= new
        waiting += new
    return seen


def split(name: str) -> list[str]:
    return name.split(".")


# The rules


def is_one_of(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def is_within(name: str, roots: Iterable[str]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def broken(source: Source, modules: Iterable[str], forbidden: Iterable[str]) -> list[str]:
    """`a -> b` for each of `modules` that reaches something `forbidden`, at whatever distance."""
    graph = graph_of(source)
    return sorted(
        f"{name} -> {target}"
        for name in source
        if is_one_of(name, modules)
        for target in reachable(name, graph)
        if is_within(target, forbidden)
    )


def broken_pure(source: Source) -> list[str]:
    return broken(source, PURE, FRAMEWORKS)


def broken_gateway(source: Source) -> list[str]:
    """The gateway runs from an environment of its own: it knows nothing of the project."""
    modules = ("metrics_app.gateway", "metrics_app.gateway.*")
    return [
        f"{name} -> {target}"
        for name, targets in graph_of(source).items()
        if is_one_of(name, modules)
        for target in targets
        if is_within(target, PACKAGES) and target != "metrics_app"
        if not is_within(target, ("metrics_app.gateway",))
    ]


def broken_agents(source: Source) -> list[str]:
    return broken(source, ("agents", "agents.*"), ("metrics_app", "voice_app"))


def broken_web(source: Source) -> list[str]:
    return broken(source, WEB, DOCKER)


def broken_services(source: Source) -> list[str]:
    return broken(source, SERVICES, ABOVE_SERVICES)


def broken_event_writers(source: Source) -> list[str]:
    """Modules that make SessionEvents, which only the bridge may: `seq` has no gaps."""
    return sorted(
        name
        for name, text in source.items()
        if not is_one_of(name, EVENT_WRITERS)
        if any(makes_event(node) for node in ast.walk(ast.parse(text)))
    )


def makes_event(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    if called.rpartition(".")[2] == "SessionEvent":
        return True
    maker, _, verb = called.rpartition(".")
    return verb.removeprefix("a") in MAKERS and (
        "SessionEvent." in maker or maker.endswith(".events")
    )


# The project keeps them


@pytest.mark.parametrize(
    "rule",
    [
        broken_pure,
        broken_gateway,
        broken_agents,
        broken_web,
        broken_services,
        broken_event_writers,
    ],
)
def test_the_project_keeps_the_rule(rule):
    assert rule(read_source()) == []


def test_the_rules_are_about_modules_that_exist():
    names = read_source().keys()
    for pattern in (*PURE, *SERVICES, *DOCKER[1:], "agents.recorder", "agents.api.*"):
        assert any(fnmatchcase(name, pattern) for name in names), pattern


# The rules find what breaks them


@pytest.mark.parametrize(
    ("rule", "source", "found"),
    [
        (broken_pure, {"agents.diffs": "import django.db"}, ["agents.diffs -> django.db"]),
        (broken_pure, {"agents.diffs": "def f():\n    import docker"}, ["agents.diffs -> docker"]),
        (
            broken_pure,
            {"agents.diffs": "from agents import rows", "agents.rows": "from docker import types"},
            ["agents.diffs -> docker", "agents.diffs -> docker.types"],
        ),
        (broken_pure, {"metrics_app.pricing": "import django_x, dockerish"}, []),
        (
            broken_gateway,
            {"metrics_app.gateway.policy": "from agents.hardening import x"},
            [
                "metrics_app.gateway.policy -> agents.hardening",
                "metrics_app.gateway.policy -> agents.hardening.x",
            ],
        ),
        (
            broken_gateway,
            {"metrics_app.gateway.a": "from . import b\nfrom metrics_app.gateway import c"},
            [],
        ),
        (
            broken_gateway,
            {"metrics_app.gateway.a": "from ..spool import x"},
            [
                "metrics_app.gateway.a -> metrics_app.spool",
                "metrics_app.gateway.a -> metrics_app.spool.x",
            ],
        ),
        (
            broken_agents,
            {"agents.rows": "import voice_app.models"},
            ["agents.rows -> voice_app.models"],
        ),
        (
            broken_web,
            {"agents.views": "from agents import containers"},
            ["agents.views -> agents.containers"],
        ),
        (
            broken_web,
            {"agents.api.a": "import agents.services.x", "agents.services.x": "import docker"},
            ["agents.api.a -> docker"],
        ),
        (
            broken_web,
            {
                "agents.views": "import agents.services.life",
                "agents.services": "import docker",
                "agents.services.life": "",
            },
            ["agents.views -> docker"],
        ),
        (broken_web, {"agents.tasks": "from agents import containers"}, []),
        (
            broken_services,
            {"agents.services.life": "def f():\n    from agents.tasks import start"},
            [
                "agents.services.life -> agents.tasks",
                "agents.services.life -> agents.tasks.start",
            ],
        ),
        (broken_event_writers, {"agents.views": "SessionEvent(seq=1).save()"}, ["agents.views"]),
        (broken_event_writers, {"agents.views": "SessionEvent.objects.create()"}, ["agents.views"]),
        (
            broken_event_writers,
            {"agents.x": "async def f(): await models.SessionEvent.objects.abulk_create([])"},
            ["agents.x"],
        ),
        (broken_event_writers, {"agents.x": "agent.events.get_or_create(seq=1)"}, ["agents.x"]),
        (broken_event_writers, {"agents.x": "SessionEvent.objects.filter(seq=1)"}, []),
        (broken_event_writers, {"agents.recorder": "SessionEvent.objects.create()"}, []),
    ],
)
def test_the_rule_finds_what_breaks_it(rule, source, found):
    assert sorted(rule(source)) == found


def test_relative_imports_of_a_package_start_at_the_package():
    found = imports_of("agents.services", "from .life import x\nfrom .. import y", is_package=True)
    assert {"agents.services.life", "agents.y"} <= found
