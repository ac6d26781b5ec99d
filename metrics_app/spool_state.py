"""How this node's ingest is doing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.conf import settings

from metrics_app.models import IngestCounter, LeftOut, SpoolCheckpoint
from metrics_app.spool_folder import list_spool


@dataclass(frozen=True, slots=True)
class SpoolState:
    """`left_out` has every reason. Files that were read long ago are gone from `files`."""

    files: int
    backlog_files: int
    backlog_bytes: int
    last_ingest_at: datetime | None
    left_out: dict[LeftOut, int]

    @classmethod
    def read(cls) -> Self:
        """Two queries and a look at the folder."""
        checkpoints = {
            one.name: one for one in SpoolCheckpoint.objects.filter(node=settings.CAM_NODE_NAME)
        }
        backlogs = []
        files = list_spool(settings.CAM_METRICS_DIR)
        for file in files:
            known = checkpoints.get(file.name)
            # A name that stands for another file now, or a file cut short, is read from its start.
            is_same = known and known.identity == file.identity and known.offset <= file.size
            backlogs.append(file.size - known.offset if known and is_same else file.size)
        counted = IngestCounter.objects.filter(node=settings.CAM_NODE_NAME)
        lines = dict(counted.values_list("reason", "lines"))
        return cls(
            files=len(files),
            backlog_files=sum(backlog > 0 for backlog in backlogs),
            backlog_bytes=sum(backlogs),
            last_ingest_at=max((one.updated_at for one in checkpoints.values()), default=None),
            left_out={reason: lines.get(reason, 0) for reason in LeftOut},
        )
