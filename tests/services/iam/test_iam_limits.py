"""IAM's quotas, names, paths, ARNs, tags and pages: what each refuses, in AWS's words."""

import base64
import datetime
import itertools
import json

import pytest
from botocore.config import Config
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from iam_documents import BASIC, LAMBDA, READ_ONLY, make_certificate, policy, totp, trust

NAMES = "It must contain only alphanumeric characters and/or the following: +=,.@_-"
PATHS = "It must begin and end with / and contain only alphanumeric characters and/or / characters."


@pytest.fixture
def raw(world):
    """A client that sends what botocore would refuse."""
    return world.client("iam", config=Config(parameter_validation=False))


def managed(iam, count):
    return [iam.create_policy(PolicyName=f"p{index}", PolicyDocument=policy())["Policy"]["Arn"] for index in range(count)]


def groups_of_a_user(world, iam):
    for index in range(11):
        iam.create_group(GroupName=f"g{index}")
        yield lambda name=f"g{index}": iam.add_user_to_group(GroupName=name, UserName="u")


def policies_of_a_user(world, iam):
    for arn in managed(iam, 11):
        yield lambda arn=arn: iam.attach_user_policy(UserName="u", PolicyArn=arn)


def policies_of_a_group(world, iam):
    iam.create_group(GroupName="g")
    for arn in managed(iam, 11):
        yield lambda arn=arn: iam.attach_group_policy(GroupName="g", PolicyArn=arn)


def policies_of_a_role(world, iam):
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA)
    for arn in managed(iam, 11):
        yield lambda arn=arn: iam.attach_role_policy(RoleName="r", PolicyArn=arn)


def keys_of_a_user(world, iam):
    return (lambda: iam.create_access_key(UserName="u") for _ in range(3))


def versions_of_a_policy(world, iam):
    (arn,) = managed(iam, 1)
    return (lambda: iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy()) for _ in range(5))


def roles_of_a_profile(world, iam):
    iam.create_instance_profile(InstanceProfileName="ip")
    for name in ("r0", "r1"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA)
        yield lambda name=name: iam.add_role_to_instance_profile(InstanceProfileName="ip", RoleName=name)


def devices_of_a_user(world, iam):
    world.clock.freeze()
    now = world.clock.now()
    for index in range(9):
        made = iam.create_virtual_mfa_device(VirtualMFADeviceName=f"d{index}")["VirtualMFADevice"]
        codes = [totp(made["Base32StringSeed"], now + datetime.timedelta(seconds=shift)) for shift in (-30, 0)]
        yield lambda serial=made["SerialNumber"], codes=codes: iam.enable_mfa_device(
            UserName="u", SerialNumber=serial, AuthenticationCode1=codes[0], AuthenticationCode2=codes[1]
        )


def certificates_of_a_user(world, iam):
    for _ in range(3):
        yield lambda body=make_certificate()[0]: iam.upload_signing_certificate(UserName="u", CertificateBody=body)


def ssh_keys_of_a_user(world, iam):
    for _ in range(6):
        key = rsa.generate_private_key(65537, 2048).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        yield lambda key=key: iam.upload_ssh_public_key(UserName="u", SSHPublicKeyBody=key)


def credentials_of_a_user(world, iam):
    return (lambda: iam.create_service_specific_credential(UserName="u", ServiceName="codecommit.amazonaws.com") for _ in range(3))


def server_certificates(world, iam):
    body, key = make_certificate()
    for index in range(21):
        yield lambda index=index: iam.upload_server_certificate(ServerCertificateName=f"c{index}", CertificateBody=body, PrivateKey=key)


def saml_providers(world, iam):
    der = base64.b64encode(b"".join(base64.b64decode(line) for line in make_certificate()[0].splitlines()[1:-1])).decode()
    document = (
        '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example">'
        '<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing">'
        '<KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>'
        f"{der}</X509Certificate></X509Data></KeyInfo></KeyDescriptor></IDPSSODescriptor></EntityDescriptor>"
    )
    document += " " * (1000 - len(document))
    return (lambda index=index: iam.create_saml_provider(Name=f"s{index}", SAMLMetadataDocument=document) for index in range(101))


def oidc_providers(world, iam):
    return (lambda index=index: iam.create_open_id_connect_provider(Url=f"https://id{index}.example") for index in range(101))


def clients_of_a_provider(world, iam):
    arn = iam.create_open_id_connect_provider(Url="https://id.example")["OpenIDConnectProviderArn"]
    for index in range(101):
        yield lambda index=index: iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=f"c{index}")


def groups(world, iam):
    return (lambda index=index: iam.create_group(GroupName=f"g{index}") for index in range(301))


@pytest.mark.parametrize(
    ("some", "most", "message"),
    [
        (groups, 300, "Cannot exceed quota for GroupsPerAccount: 300"),
        (groups_of_a_user, 10, "Cannot exceed quota for GroupsPerUser: 10"),
        (policies_of_a_user, 10, "Cannot exceed quota for PoliciesPerUser: 10"),
        (policies_of_a_group, 10, "Cannot exceed quota for PoliciesPerGroup: 10"),
        (policies_of_a_role, 10, "Cannot exceed quota for PoliciesPerRole: 10"),
        (keys_of_a_user, 2, "Cannot exceed quota for AccessKeysPerUser: 2"),
        (
            versions_of_a_policy,
            4,
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing",
        ),
        (roles_of_a_profile, 1, "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"),
        (devices_of_a_user, 8, "Cannot exceed quota for MfaDevicesPerUser: 8"),
        (certificates_of_a_user, 2, "Cannot exceed quota for SigningCertificatesPerUser: 2"),
        (ssh_keys_of_a_user, 5, "Cannot exceed quota for SSHPublicKeysPerUser: 5"),
        (credentials_of_a_user, 2, "Cannot exceed quota for ServiceSpecificCredentialsPerUser: 2"),
        (server_certificates, 20, "Cannot exceed quota for ServerCertificatesPerAccount: 20"),
        (saml_providers, 100, "Cannot exceed quota for SAMLProvidersPerAccount: 100"),
        (oidc_providers, 100, "Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100"),
        (clients_of_a_provider, 100, "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"),
    ],
)
def test_one_more_than_the_quota_is_refused(world, iam, aws_error, some, most, message):
    iam.create_user(UserName="u")
    calls = iter(some(world, iam))
    for call in itertools.islice(calls, most):
        call()
    with aws_error("LimitExceeded", message):
        next(calls)()


def filled(size, **options):
    """An identity policy of so many characters, white space not counted."""
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": ""} | options]})
    rest = size - len("".join(document.split()))
    head = "arn:aws:s3:::"
    return document.replace('"Resource": ""', f'"Resource": "{head}{"x" * (rest - len(head))}"') + " " * 500


@pytest.mark.parametrize(
    ("size", "put", "message"),
    [
        (2048, lambda iam, text: iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=text), "2048 bytes exceeded for user u"),
        (
            5120,
            lambda iam, text: iam.put_group_policy(GroupName="g", PolicyName="p", PolicyDocument=text),
            "5120 bytes exceeded for group g",
        ),
        (
            10240,
            lambda iam, text: iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=text),
            "10240 bytes exceeded for role r",
        ),
        (6144, lambda iam, text: iam.create_policy(PolicyName="p", PolicyDocument=text), "Cannot exceed quota for PolicySize: 6144"),
    ],
)
def test_white_space_does_not_count_but_one_more_letter_does(iam, aws_error, size, put, message):
    iam.create_user(UserName="u")
    iam.create_group(GroupName="g")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA)
    with aws_error("LimitExceeded", message):
        put(iam, filled(size + 1))
    put(iam, filled(size))


def test_a_trust_policy_has_2048_characters_at_most(iam, aws_error):
    def document(size):
        text = trust({"Service": "lambda.amazonaws.com"}, condition={"StringEquals": {"sts:ExternalId": "@"}})
        return text.replace("@", "x" * (size - len("".join(text.split())) + 1))

    with aws_error("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"):
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=document(2049))
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=document(2048))
    with aws_error("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"):
        iam.update_assume_role_policy(RoleName="r", PolicyDocument=document(2049))


MAKE = {
    "user": lambda iam, name: iam.create_user(UserName=name),
    "group": lambda iam, name: iam.create_group(GroupName=name),
    "role": lambda iam, name: iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA),
    "profile": lambda iam, name: iam.create_instance_profile(InstanceProfileName=name),
    "policy": lambda iam, name: iam.create_policy(PolicyName=name, PolicyDocument=policy(), Path="/other/"),
}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("user", "User with name NAME already exists."),
        ("group", "Group with name NAME already exists."),
        ("role", "Role with name NAME already exists."),
        ("profile", "Instance Profile NAME already exists."),
        ("policy", "A policy called NAME already exists. Duplicate names are not allowed."),
    ],
)
def test_names_that_differ_in_case_are_the_same(iam, aws_error, kind, message):
    MAKE[kind](iam, "name")
    with aws_error("EntityAlreadyExists", message):
        MAKE[kind](iam, "NAME")


def test_entities_are_found_in_whatever_case(iam):
    for kind in ("user", "group", "role", "profile"):
        MAKE[kind](iam, "Name")
    iam.add_user_to_group(GroupName="NAME", UserName="name")
    assert iam.list_groups_for_user(UserName="nAME")["Groups"][0]["GroupName"] == "Name"
    assert iam.get_user(UserName="name")["User"]["Arn"].endswith("user/Name")
    assert iam.get_role(RoleName="NAME")["Role"]["RoleName"] == "Name"
    assert iam.get_instance_profile(InstanceProfileName="name")["InstanceProfile"]["InstanceProfileName"] == "Name"
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        MAKE["user"](iam, "NAME")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda iam: iam.create_user(UserName="a b"), f"The specified value for userName is invalid. {NAMES}"),
        (
            lambda iam: iam.create_role(RoleName="a/b", AssumeRolePolicyDocument=LAMBDA),
            f"The specified value for roleName is invalid. {NAMES}",
        ),
        (lambda iam: iam.get_role(RoleName="arn:aws:iam::1:role/x"), f"The specified value for roleName is invalid. {NAMES}"),
        (lambda iam: iam.create_user(UserName="a", Path="x"), f"The specified value for path is invalid. {PATHS}"),
        (lambda iam: iam.create_user(UserName="a", Path="/a b/"), f"The specified value for path is invalid. {PATHS}"),
        (
            lambda iam: iam.create_policy(PolicyName="p", PolicyDocument=policy(), Path="/x"),
            f"The specified value for path is invalid. {PATHS}",
        ),
        (lambda iam: iam.update_group(GroupName="g", NewPath="x/"), f"The specified value for newPath is invalid. {PATHS}"),
        (lambda iam: iam.list_users(PathPrefix="x"), "The specified value for pathPrefix is invalid. It must begin with /"),
        (
            lambda iam: iam.create_user(UserName="a" * 65),
            "at 'userName' failed to satisfy constraint: Member must have length less than or equal",
        ),
        (lambda iam: iam.create_user(UserName="a" * 64 + " "), "1 validation error detected: Value"),
        (
            lambda iam: iam.list_users(MaxItems=0),
            "Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or",
        ),
        (
            lambda iam: iam.list_roles(MaxItems=1001),
            "'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000",
        ),
        (lambda iam: iam.list_users(Marker="invented"), "Invalid Marker."),
        (lambda iam: iam.list_policies(Marker="AAAA"), "Invalid Marker."),
    ],
)
def test_bad_names_paths_and_pages_are_refused(raw, aws_error, call, message):
    with aws_error("ValidationError", message):
        call(raw)


@pytest.mark.parametrize(
    "arn",
    [
        "x" * 20,
        "arn:aws-cn:iam::aws:policy/ReadOnlyAccess",
        "arn:aws:s3::aws:policy/ReadOnlyAccess",
        "arn:aws:iam:us-east-1:aws:policy/ReadOnlyAccess",
        "arn:aws:iam::000000000000:role/policy/x",
        "arn:aws:iam::aws:policy/ReadOnlyAccess ",
    ],
)
def test_an_arn_must_be_one_of_iams(iam, aws_error, arn):
    iam.create_user(UserName="u")
    for call in (
        lambda: iam.get_policy(PolicyArn=arn),
        lambda: iam.attach_user_policy(UserName="u", PolicyArn=arn),
        lambda: iam.detach_user_policy(UserName="u", PolicyArn=arn),
        lambda: iam.create_user(UserName="v", PermissionsBoundary=arn),
        lambda: iam.list_entities_for_policy(PolicyArn=arn),
        lambda: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn),
    ):
        with aws_error("InvalidInput", f"ARN {arn} is not valid."):
            call()


@pytest.mark.parametrize(
    ("give", "message"),
    [
        (lambda iam: iam.create_login_profile(UserName="u", Password="Secret-1-secret"), "delete login profile"),
        (lambda iam: iam.attach_user_policy(UserName="u", PolicyArn=BASIC), "detach all policies"),
        (lambda iam: iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=policy()), "delete policies"),
        (lambda iam: iam.create_access_key(UserName="u"), "delete access keys"),
        (lambda iam: (iam.create_group(GroupName="g"), iam.add_user_to_group(GroupName="g", UserName="u")), "remove users from group"),
        (lambda iam: iam.upload_signing_certificate(UserName="u", CertificateBody=make_certificate()[0]), "delete certificates"),
        (
            lambda iam: iam.create_service_specific_credential(UserName="u", ServiceName="codecommit.amazonaws.com"),
            "remove referenced objects",
        ),
    ],
)
def test_a_user_that_has_something_is_not_deleted(iam, aws_error, give, message):
    iam.create_user(UserName="u")
    give(iam)
    with aws_error("DeleteConflict", f"Cannot delete entity, must {message} first."):
        iam.delete_user(UserName="u")
    iam.get_user(UserName="u")


def tag(key, value=""):
    return {"Key": key, "Value": value}


@pytest.mark.parametrize(
    ("tags", "code", "message"),
    [
        ([tag("a"), tag("A")], "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive."),
        ([tag("aws:a")], "InvalidInput", "aws:"),
        ([tag("AWS:a")], "InvalidInput", "aws:"),
        ([tag("a*")], "ValidationError", "Value 'a*' at 'tags.1.member.key' failed to satisfy constraint"),
        ([tag("a", "$")], "ValidationError", "Value '$' at 'tags.1.member.value' failed to satisfy constraint"),
        ([tag("a", "x" * 257)], "ValidationError", "Member must have length less than or equal to 256"),
        ([tag(f"k{index}") for index in range(51)], "ValidationError", "Member must have length less than or equal to 50"),
    ],
)
def test_tags_keep_the_rules_whatever_they_are_on(raw, aws_error, tags, code, message):
    raw.create_user(UserName="u")
    for call in (
        lambda: raw.tag_user(UserName="u", Tags=tags),
        lambda: raw.create_role(RoleName="r", AssumeRolePolicyDocument=LAMBDA, Tags=tags),
        lambda: raw.create_policy(PolicyName="p", PolicyDocument=policy(), Tags=tags),
        lambda: raw.create_instance_profile(InstanceProfileName="i", Tags=tags),
        lambda: raw.create_open_id_connect_provider(Url="https://id.example", Tags=tags),
        lambda: raw.create_virtual_mfa_device(VirtualMFADeviceName="d", Tags=tags),
    ):
        with aws_error(code, message):
            call()
    assert not raw.list_roles()["Roles"] and not raw.list_policies(Scope="Local")["Policies"]


def test_a_tag_more_than_fifty_is_refused_and_one_that_replaces_is_not(iam, aws_error):
    iam.create_user(UserName="u", Tags=[tag(f"k{index}") for index in range(50)])
    iam.tag_user(UserName="u", Tags=[tag("K7", "new")])
    with aws_error("LimitExceeded"):
        iam.tag_user(UserName="u", Tags=[tag("one-more")])
    assert len(iam.list_user_tags(UserName="u")["Tags"]) == 50


def paged(call, member, **request):
    """All items of a list, three at a time."""
    found, marker = [], None
    while True:
        answer = call(MaxItems=3, **request, **({"Marker": marker} if marker else {}))
        assert len(answer[member]) <= 3 and answer["IsTruncated"] == ("Marker" in answer)
        found += answer[member]
        if not answer["IsTruncated"]:
            return found
        marker = answer["Marker"]


def test_every_list_comes_in_pages(world, iam):
    iam.create_user(UserName="u", Tags=[tag(f"k{index}") for index in range(7)])
    (arn, *_) = managed(iam, 7)
    for index in range(7):
        iam.create_group(GroupName=f"g{index}")
        iam.add_user_to_group(GroupName=f"g{index}", UserName="u")
        iam.create_role(RoleName=f"r{index}", AssumeRolePolicyDocument=LAMBDA)
        iam.attach_role_policy(RoleName=f"r{index}", PolicyArn=arn)
        iam.attach_user_policy(UserName="u", PolicyArn=arn.replace("p0", f"p{index}"))
        iam.put_user_policy(UserName="u", PolicyName=f"i{index}", PolicyDocument=policy())
        iam.create_instance_profile(InstanceProfileName=f"ip{index}")
        iam.create_virtual_mfa_device(VirtualMFADeviceName=f"d{index}")
    for call, member, request in (
        (iam.list_groups, "Groups", {}),
        (iam.list_roles, "Roles", {}),
        (iam.list_policies, "Policies", {"Scope": "Local"}),
        (iam.list_instance_profiles, "InstanceProfiles", {}),
        (iam.list_virtual_mfa_devices, "VirtualMFADevices", {}),
        (iam.list_groups_for_user, "Groups", {"UserName": "u"}),
        (iam.list_user_policies, "PolicyNames", {"UserName": "u"}),
        (iam.list_attached_user_policies, "AttachedPolicies", {"UserName": "u"}),
        (iam.list_user_tags, "Tags", {"UserName": "u"}),
        (iam.list_entities_for_policy, "PolicyRoles", {"PolicyArn": arn, "EntityFilter": "Role"}),
    ):
        assert len({json.dumps(item, default=str) for item in paged(call, member, **request)}) == 7
    newest = paged(iam.list_policy_versions, "Versions", PolicyArn=READ_ONLY)
    assert len(newest) == 5 and newest[0]["IsDefaultVersion"]


def test_only_services_that_have_roles_get_one(iam, aws_error):
    with aws_error("InvalidInput", "Cannot find Service Linked Role template for nothing.amazonaws.com"):
        iam.create_service_linked_role(AWSServiceName="nothing.amazonaws.com")
