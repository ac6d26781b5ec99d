from ninja import Query, Router

from agents.api.agents import REFUSALS
from agents.api.auth import ApiRequest
from agents.api.schemas import FoundList, SearchQuery
from agents.search import SearchResult, search_lines

router = Router()


@router.get(
    "",
    response={200: FoundList, **REFUSALS},
    summary="Find lines of your agents, or of one, that have all words.",
)
def find_lines(request: ApiRequest, asked: Query[SearchQuery]) -> SearchResult:
    return search_lines(request.auth, asked.q, agent_id=asked.agent)
