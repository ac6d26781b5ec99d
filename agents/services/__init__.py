"""The only code that changes what agents are and do. Views, tasks, API and bridge call it.

A transition is a compare-and-set update: zero rows changed means that somebody was first.
Every function commits its rows, then rings the doorbells of viewers and bridge.
"""

from agents.services.approvals import allow_approval, deny_approval, set_edit_mode
from agents.services.life import (
    delete_agent,
    end_session,
    launch_agent,
    resume_agent,
    stop_agent,
)
from agents.services.screenshots import add_screenshot, remove_screenshot
from agents.services.sharing import share_agent, withdraw_share
from agents.services.talk import (
    interrupt_agent,
    remove_prompt,
    send_prompt,
    set_effort,
    set_model,
    set_plan_mode,
)

__all__ = [
    "add_screenshot",
    "allow_approval",
    "delete_agent",
    "deny_approval",
    "end_session",
    "interrupt_agent",
    "launch_agent",
    "remove_prompt",
    "remove_screenshot",
    "resume_agent",
    "send_prompt",
    "set_edit_mode",
    "set_effort",
    "set_model",
    "set_plan_mode",
    "share_agent",
    "stop_agent",
    "withdraw_share",
]
