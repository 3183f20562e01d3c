"""The judge's verdicts, by AWS's documented rules, and the agreement of the two evaluators."""

from __future__ import annotations

import pytest
from policy_cases import disagreements

from cloudjar.identity.explain import access_denied, denial_message
from cloudjar.identity.policy import AuthzRequest, Decision, Named, PolicySet, compile_policy, decide, parse
from cloudjar.kernel.principal import ANONYMOUS, Principal, root_of, service

ONE, TWO = "111111111111", "222222222222"
USER = Principal("user", ONE, f"arn:aws:iam::{ONE}:user/ann", "AIDAAAAAAAAAAAAAAAAAA")
ROLE_ARN = f"arn:aws:iam::{ONE}:role/app"
SESSION = Principal("assumed-role", ONE, f"arn:aws:sts::{ONE}:assumed-role/app/s1", "AROAAAAAAAAAAAAAAAAAA:s1", role_arn=ROLE_ARN)
OBJECT = "arn:aws:s3:::bucket/key"


def policy(kind="identity", effect="Allow", action="s3:*", resource="*", **more) -> Named:
    row = {"Effect": effect, "Action": action, **more}
    if kind != "trust":
        row["Resource"] = resource
    return Named("p", compile_policy(parse({"Version": "2012-10-17", "Statement": [row]}, kind)))


def bucket_policy(principal, **more) -> Named:
    return policy("resource", Principal=principal, **more)


def judge(principal=USER, action="s3:GetObject", resource=OBJECT, context=None, **policies):
    return decide(AuthzRequest(principal, action, resource, context or {}), PolicySet(**policies))


def test_two_evaluators_agree_on_generated_cases():
    allowed, found = disagreements(seed=20, count=10_000)
    assert not found, found[0]
    assert allowed > 800


def test_nothing_is_allowed_by_default():
    decision = judge()
    assert (decision.allowed, decision.explicit, decision.kind) == (False, False, "identity")


def test_an_identity_policy_allows():
    decision = judge(identity=(policy(Sid="Read"),))
    assert (decision.allowed, decision.policy, decision.statement) == (True, "p", "Read")


def test_an_explicit_deny_beats_every_allow():
    decision = judge(identity=(policy(), policy(effect="Deny", action="s3:Get*")), boundary=(policy(),))
    assert (decision.allowed, decision.explicit) == (False, True)


def test_root_needs_no_policy_in_its_account():
    assert judge(root_of(ONE)).allowed


def test_an_scp_binds_the_root_user_of_a_member_account():
    full = policy("scp", action="*")
    deny = policy("scp", "Deny", "*", Condition={"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}})
    limits = ((full,), (full, deny))
    assert judge(root_of(ONE), context={"aws:requestedregion": "eu-west-1"}, scps=limits).allowed
    decision = judge(root_of(ONE), context={"aws:requestedregion": "us-east-1"}, scps=limits)
    assert (decision.allowed, decision.explicit, decision.kind) == (False, True, "scp")


def test_every_level_of_scps_must_allow():
    full = policy("scp", action="*")
    assert judge(identity=(policy(),), scps=((full,), (full,))).allowed
    decision = judge(identity=(policy(),), scps=((full,), ()))
    assert (decision.allowed, decision.explicit, decision.kind) == (False, False, "scp")


def test_an_rcp_guards_the_resource_against_an_outsider():
    full = policy("rcp", action="*", Principal="*")
    outside = {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}
    deny = policy("rcp", "Deny", Principal="*", Condition=outside)
    policies = PolicySet(identity=(policy(),), resource=(bucket_policy({"AWS": ONE}),), rcps=((full, deny),))
    outsider = AuthzRequest(USER, "s3:GetObject", OBJECT, {"aws:principalorgid": "o-2"}, TWO)
    assert decide(outsider, policies).kind == "rcp"
    member = AuthzRequest(USER, "s3:GetObject", OBJECT, {"aws:principalorgid": "o-1"}, TWO)
    assert decide(member, policies).allowed


def resource_case(principal, grant, owner="", **policies):
    return decide(AuthzRequest(principal, "s3:GetObject", OBJECT, {}, owner), PolicySet(resource=(bucket_policy(grant),), **policies))


def test_within_the_account_a_bucket_policy_naming_the_user_is_enough():
    assert resource_case(USER, {"AWS": USER.arn}).allowed


def test_across_accounts_both_sides_must_allow():
    assert not resource_case(USER, {"AWS": USER.arn}, owner=TWO).allowed
    assert resource_case(USER, {"AWS": USER.arn}, owner=TWO, identity=(policy(),)).allowed
    decision = decide(AuthzRequest(USER, "s3:GetObject", OBJECT, {}, TWO), PolicySet(identity=(policy(),)))
    assert (decision.allowed, decision.kind) == (False, "resource")


def test_a_bucket_policy_naming_the_account_leaves_it_to_the_accounts_policies():
    assert not resource_case(USER, {"AWS": ONE}).allowed
    assert resource_case(USER, {"AWS": ONE}, identity=(policy(),)).allowed
    assert resource_case(root_of(ONE), {"AWS": ONE}).allowed


def test_a_grant_to_the_user_is_not_limited_by_the_boundarys_silence():
    assert resource_case(USER, {"AWS": USER.arn}, boundary=()).allowed


def test_a_grant_to_the_role_is_limited_by_boundary_and_session_policy():
    assert resource_case(SESSION, {"AWS": ROLE_ARN}).allowed
    assert resource_case(SESSION, {"AWS": ROLE_ARN}, boundary=()).kind == "boundary"
    assert resource_case(SESSION, {"AWS": ROLE_ARN}, session=()).kind == "session"


def test_a_grant_to_the_session_itself_is_not():
    assert resource_case(SESSION, {"AWS": SESSION.arn}, boundary=(), session=()).allowed


def test_an_explicit_deny_of_the_boundary_counts_even_then():
    deny = policy("boundary", "Deny")
    decision = resource_case(USER, {"AWS": USER.arn}, boundary=(deny,))
    assert (decision.explicit, decision.kind) == (True, "boundary")


def test_a_boundary_grants_nothing():
    assert not judge(boundary=(policy("boundary"),)).allowed
    assert judge(identity=(policy(),), boundary=(policy("boundary"),)).allowed


def test_a_kms_key_policy_that_does_not_name_the_account_shuts_identity_policies_out():
    key = f"arn:aws:kms:us-east-1:{ONE}:key/k"
    request = AuthzRequest(USER, "kms:Decrypt", key, {})
    identity = (policy(action="kms:*"),)
    other = bucket_policy({"AWS": f"arn:aws:iam::{ONE}:user/bob"}, action="kms:*")
    account = bucket_policy({"AWS": f"arn:aws:iam::{ONE}:root"}, action="kms:*")
    assert decide(request, PolicySet(identity, (other,), resource_required=True)).kind == "resource"
    assert decide(request, PolicySet(identity, (account,), resource_required=True)).allowed
    assert not decide(request, PolicySet((), (account,), resource_required=True)).allowed


def test_a_trust_policy_admits_the_service_that_it_names():
    trust = policy("trust", action="sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"})
    policies = PolicySet(resource=(trust,), resource_required=True, resource_kind="trust")
    assert decide(AuthzRequest(service("lambda.amazonaws.com"), "sts:AssumeRole", ROLE_ARN, {}, ONE), policies).allowed
    denied = decide(AuthzRequest(service("ec2.amazonaws.com"), "sts:AssumeRole", ROLE_ARN, {}, ONE), policies)
    assert (denied.allowed, denied.kind) == (False, "trust")


def test_web_identities_enter_only_by_the_provider_that_the_trust_policy_names():
    provider = f"arn:aws:iam::{ONE}:oidc-provider/id.example"
    condition = {"StringEquals": {"id.example:aud": "app"}}
    trust = policy("trust", action="sts:AssumeRoleWithWebIdentity", Principal={"Federated": provider}, Condition=condition)
    policies = PolicySet(resource=(trust,), resource_required=True, resource_kind="trust")

    def enter(federated, audience):
        context = {"id.example:aud": audience}
        request = AuthzRequest(ANONYMOUS, "sts:AssumeRoleWithWebIdentity", ROLE_ARN, context, ONE, federated)
        return decide(request, policies).allowed

    assert enter(provider, "app")
    assert not enter(provider, "other")
    assert not enter("", "app")


def test_the_public_may_do_what_everybody_may():
    assert resource_case(ANONYMOUS, "*", owner=ONE).allowed
    assert not resource_case(ANONYMOUS, {"AWS": ONE}, owner=ONE).allowed


def test_not_principal_denies_all_but_the_session_with_its_role_and_account():
    def ask(listed):
        grants = (bucket_policy({"AWS": SESSION.arn}), policy("resource", "Deny", NotPrincipal={"AWS": listed}))
        return decide(AuthzRequest(SESSION, "s3:GetObject", OBJECT, {}), PolicySet(resource=grants)).allowed

    assert ask([SESSION.arn, ROLE_ARN, f"arn:aws:iam::{ONE}:root"])
    assert not ask([SESSION.arn, ROLE_ARN])
    assert not ask([f"arn:aws:iam::{ONE}:user/bob"])


def test_not_action_with_deny_leaves_the_listed_actions_alone():
    deny = Named("d", compile_policy(parse({"Statement": {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}})))
    assert judge(identity=(policy(), deny)).allowed
    assert judge(action="sqs:SendMessage", identity=(policy(action="*"), deny)).explicit


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        ("arn:aws:s3:::b*/x", "arn:aws:s3:::bucket/a/x", True),
        ("arn:aws:s3:::bucket/?", "arn:aws:s3:::bucket/ab", False),
        ("arn:aws:s3:::bucket/${aws:username}/*", "arn:aws:s3:::bucket/ann/f", True),
        ("arn:aws:s3:::bucket/${aws:username}/*", "arn:aws:s3:::bucket/bob/f", False),
        ("arn:aws:s3:::bucket/${aws:PrincipalTag/team, 'all'}/*", "arn:aws:s3:::bucket/all/f", True),
        ("arn:aws:s3:::bucket/${none:such}/*", "arn:aws:s3:::bucket//f", False),
        ("arn:aws:s3:::bucket/${*}", "arn:aws:s3:::bucket/*", True),
        ("arn:aws:s3:::bucket/${*}", "arn:aws:s3:::bucket/x", False),
        ("arn:aws:sqs", "arn:aws:sqs:us-east-1:111111111111:q", True),
        ("arn:aws:sqs:*:q", "arn:aws:sqs:us-east-1:111111111111:q", False),
        ("arn:aws:s3:::bucket/key", "*", False),
    ],
)
def test_resources_match_by_their_parts(pattern, resource, matches):
    assert judge(resource=resource, context={"aws:username": "ann"}, identity=(policy(resource=pattern),)).allowed is matches


def test_the_older_version_knows_no_variables():
    old = {"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${aws:username}"}}
    found = (Named("p", compile_policy(parse(old))),)
    assert not judge(resource="arn:aws:s3:::b/ann", context={"aws:username": "ann"}, identity=found).allowed
    assert judge(resource="arn:aws:s3:::b/${aws:username}", identity=found).allowed


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"k:a": ["x", "y"]}}, {"k:a": "y"}, True),
        ({"StringEquals": {"k:a": "x"}}, {}, False),
        ({"StringNotEquals": {"k:a": "x"}}, {}, True),
        ({"StringNotEquals": {"k:a": ["x", "y"]}}, {"k:a": "y"}, False),
        ({"StringEqualsIfExists": {"k:a": "x"}}, {}, True),
        ({"StringEquals": {"K:A": "x"}}, {"k:a": "x"}, True),
        ({"StringEqualsIgnoreCase": {"k:a": "X"}}, {"k:a": "x"}, True),
        ({"StringLike": {"k:a": "a*c?"}}, {"k:a": "abbcd"}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws:tagkeys": ("a",)}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws:tagkeys": ("a", "c")}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws:tagkeys": ("c", "b")}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {}, False),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a"]}}, {"aws:tagkeys": ("a", "b")}, True),
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["a"]}}, {"aws:tagkeys": ("a", "b")}, False),
        ({"Null": {"k:a": "true"}}, {}, True),
        ({"Null": {"k:a": False}}, {"k:a": "v"}, True),
        ({"NumericLessThanEquals": {"s3:max-keys": 10}}, {"s3:max-keys": "10"}, True),
        ({"NumericLessThan": {"s3:max-keys": "10"}}, {"s3:max-keys": "junk"}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}, {"aws:currenttime": "2026-01-01T00:00:01Z"}, True),
        ({"DateLessThan": {"aws:EpochTime": "2026-01-01T00:00:00Z"}}, {"aws:epochtime": "1767225599"}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:securetransport": "false"}, True),
        ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]}}, {"aws:sourceip": "2001:db8::9"}, True),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:sourceip": "10.1.2.3"}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:t*"}}, {"aws:sourcearn": "arn:aws:sns:us-east-1:1:topic"}, True),
        ({"ArnEquals": {"aws:SourceArn": "arn:aws:sns:*"}}, {"aws:sourcearn": "no arn"}, False),
        ({"BinaryEquals": {"k:a": "QUJD"}}, {"k:a": "QUJD"}, True),
        ({"StringEquals": {"aws:ResourceTag/owner": "${aws:username}"}}, {"aws:resourcetag/owner": "ann", "aws:username": "ann"}, True),
        ({"StringEquals": {"k:a": "x", "k:b": "y"}}, {"k:a": "x"}, False),
    ],
)
def test_conditions_hold_as_documented(condition, context, holds):
    assert judge(context=context, identity=(policy(Condition=condition),)).allowed is holds


def test_a_pattern_of_many_stars_costs_no_more_than_a_scan():
    pattern = "arn:aws:s3:::" + "*a" * 400 + "b"
    assert not judge(resource="arn:aws:s3:::" + "a" * 5000, identity=(policy(resource=pattern),)).allowed


# In AWS's words.


def explained(principal, action, resource, decision_policies, context=None):
    request = AuthzRequest(principal, action, resource, context or {})
    return request, decide(request, PolicySet(**decision_policies))


def test_the_message_names_the_policy_type_that_lacks_an_allow():
    request, decision = explained(USER, "dynamodb:GetItem", f"arn:aws:dynamodb:us-east-1:{ONE}:table/t", {})
    assert denial_message(request, decision) == (
        f"User: arn:aws:iam::{ONE}:user/ann is not authorized to perform: dynamodb:GetItem on resource:"
        f" arn:aws:dynamodb:us-east-1:{ONE}:table/t because no identity-based policy allows the dynamodb:GetItem action"
    )


def test_the_message_says_which_type_of_policy_denied():
    deny = policy("scp", "Deny", "*")
    request, decision = explained(USER, "s3:GetObject", OBJECT, {"scps": ((deny,),)})
    assert denial_message(request, decision) == (
        f'User: arn:aws:iam::{ONE}:user/ann is not authorized to perform: s3:GetObject on resource: "{OBJECT}"'
        " with an explicit deny in a service control policy"
    )


def test_the_message_names_the_policy_that_denied_if_it_has_an_arn():
    arn = f"arn:aws:iam::{ONE}:policy/no"
    for kind, name in (("identity", "an identity-based policy"), ("boundary", "a permissions boundary"), ("session", "a session policy")):
        request = AuthzRequest(USER, "s3:GetObject", OBJECT, {})
        assert denial_message(request, Decision(False, True, kind, arn)).endswith(f"with an explicit deny in {name}: {arn}")
        assert denial_message(request, Decision(False, True, kind, "inline")).endswith(f"with an explicit deny in {name}")
    assert denial_message(request, Decision(False, True, "resource", OBJECT)).endswith("with an explicit deny in a resource-based policy")
    assert arn not in denial_message(request, Decision(False, False, "identity", arn))


@pytest.mark.parametrize(
    ("service_name", "protocol", "code", "status"),
    [
        ("s3", "rest-xml", "AccessDenied", 403),
        ("iam", "query", "AccessDenied", 403),
        ("ec2", "ec2", "UnauthorizedOperation", 403),
        ("dynamodb", "json", "AccessDeniedException", 400),
        ("lambda", "rest-json", "AccessDeniedException", 403),
        ("sns", "query", "AuthorizationError", 403),
        ("sqs", "json", "AccessDenied", 403),
    ],
)
def test_each_service_has_its_own_code(service_name, protocol, code, status):
    request, decision = explained(USER, f"{service_name}:DoIt", "*", {})
    error = access_denied(service_name, protocol, request, decision)
    assert (error.code, error.status) == (code, status)


@pytest.mark.parametrize(
    ("action", "resource", "shown"),
    [
        ("iam:GetRole", f"arn:aws:iam::{ONE}:role/team/web", "role web"),
        ("iam:ListAccessKeys", f"arn:aws:iam::{ONE}:user/ann", "user ann"),
        ("iam:AddUserToGroup", f"arn:aws:iam::{ONE}:group/g", "group g"),
        ("iam:AddRoleToInstanceProfile", f"arn:aws:iam::{ONE}:instance-profile/ip", "instance profile ip"),
        ("iam:GetPolicy", "arn:aws:iam::aws:policy/ReadOnlyAccess", "policy arn:aws:iam::aws:policy/ReadOnlyAccess"),
        ("iam:CreateAccessKey", f"arn:aws:iam::{ONE}:user/ann", "user ann"),
        ("iam:CreateRole", f"arn:aws:iam::{ONE}:role/web", f"arn:aws:iam::{ONE}:role/web"),
        ("iam:PassRole", f"arn:aws:iam::{ONE}:role/web", f"arn:aws:iam::{ONE}:role/web"),
        ("iam:ListUsers", f"arn:aws:iam::{ONE}:user/", f"arn:aws:iam::{ONE}:user/"),
        ("iam:ListPolicies", f"arn:aws:iam::{ONE}:policy/team/", "policy path /team/"),
        ("iam:DeleteVirtualMFADevice", f"arn:aws:iam::{ONE}:mfa/ann", f"arn:aws:iam::{ONE}:mfa/ann"),
    ],
)
def test_iam_names_its_resources_its_own_way(action, resource, shown):
    said = denial_message(AuthzRequest(USER, action, resource, {}), Decision(False))
    assert f"is not authorized to perform: {action} on resource: {shown} because no identity-based policy allows" in said
