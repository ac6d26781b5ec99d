"""What can go wrong with an agent, in words for the person who asked."""


class AgentError(Exception):
    """Base of all; `str()` is fit to be shown to the user."""


class WorkspaceProblem(AgentError):
    """The folder cannot serve as a workspace; the text holds the command that mends it."""


class LimitReached(AgentError):
    """The user has as many running agents as the site allows."""


class NotRunning(AgentError):
    """The agent has no session that could take the request."""


class AlreadyRunning(AgentError):
    """The agent has a session that is not over."""


class AlreadyDecided(AgentError):
    """Somebody, or the agent's edit mode, answered the approval first."""


class InvalidRequest(AgentError):
    """A value that the request carries is not acceptable."""
