"""IAM's policy language: grammar, compilation, and the pure decision.

`parse` checks a document and `compile_policy` turns it into matchers; `decide` judges a request by a set of them.
"""

from cloudjar.identity.policy.compile import CompiledPolicies, CompiledPolicy, compile_policy
from cloudjar.identity.policy.evaluate import AuthzRequest, Decision, Named, PolicySet, decide
from cloudjar.identity.policy.grammar import PolicyDocument, PolicyProblem, Statement, parse, policy_size

__all__ = [
    "AuthzRequest",
    "CompiledPolicies",
    "CompiledPolicy",
    "Decision",
    "Named",
    "PolicyDocument",
    "PolicyProblem",
    "PolicySet",
    "Statement",
    "compile_policy",
    "decide",
    "parse",
    "policy_size",
]
