"""The one decision point: nothing else opens a record.

request    who asks for what, the facts gathered, the decision
table      role x purpose x class of data: on what basis a release may rest at all
checks     the order of checks; `decide` is a pure function over request, facts and rules
consents, contracts, papers    the checks of conditions 7 and 8
reasons    what each refusal says and what to do next
facts      gathers what `decide` needs from the vault and the chain
notes      a physician's hold and a patient's standing
service    `Gate.release`: gather, decide, count, open, log, hand over
"""

from vault.gate.checks import decide
from vault.gate.request import AgreementFacts, Decision, Facts, Presented, Request, Role
from vault.gate.service import Gate

__all__ = ["AgreementFacts", "Decision", "Facts", "Gate", "Presented", "Request", "Role", "decide"]
