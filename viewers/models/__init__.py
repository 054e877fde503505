"""Who works here and what each may do."""

from viewers.models.approval import Approval
from viewers.models.grant import WITHOUT_CAMPAIGN, Action, Grant
from viewers.models.outside import ApiSession, OutsideIdentity
from viewers.models.staff import Staff
from viewers.models.token import MachineToken

__all__ = ["WITHOUT_CAMPAIGN", "Action", "ApiSession", "Approval", "Grant", "MachineToken", "OutsideIdentity", "Staff"]
