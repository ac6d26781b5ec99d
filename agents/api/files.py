from ninja import Query, Router

from agents.api.agents import REFUSALS
from agents.api.auth import ApiRequest
from agents.api.schemas import FolderQuery, ListingOut, RootList
from agents.errors import WorkspaceProblem
from agents.models import WorkspaceRoot
from agents.workspaces import Listing, WorkspaceError, list_folder

router = Router()


@router.get("/roots", response={200: RootList, **REFUSALS}, summary="List your workspace roots.")
def list_roots(request: ApiRequest) -> dict[str, object]:
    return {"roots": WorkspaceRoot.objects.visible_to(request.auth)}


@router.get(
    "/list",
    response={200: ListingOut, **REFUSALS},
    summary="List a folder beneath one of your roots, folders first.",
)
def list_entries(request: ApiRequest, asked: Query[FolderQuery]) -> Listing:
    roots = WorkspaceRoot.objects.visible_to(request.auth).paths()
    try:
        return list_folder(asked.path, roots, show_hidden=asked.hidden, order=asked.order)
    except WorkspaceError as exc:
        raise WorkspaceProblem(str(exc)) from exc
