"""Parameters: put, read, versioned, labelled, deleted."""

from __future__ import annotations

import base64

import pytest


def test_a_parameter_comes_back_as_it_was_put(ssm, put):
    assert put("/app/db", "old", Description="where")["Version"] == 1
    assert put("/app/db", "host", Overwrite=True)["Version"] == 2
    found = ssm.get_parameter(Name="/app/db")["Parameter"]
    assert (found["Name"], found["Type"], found["Value"], found["Version"]) == ("/app/db", "String", "host", 2)
    assert found["ARN"] == "arn:aws:ssm:us-east-1:000000000000:parameter/app/db" and found["DataType"] == "text"
    assert ssm.get_parameter(Name=found["ARN"])["Parameter"] == found


def test_putting_again_needs_overwrite(ssm, put, aws_error):
    put("p")
    with aws_error("ParameterAlreadyExists", "To overwrite this value, set the overwrite option in the request to true."):
        put("p")
    with aws_error("HierarchyTypeMismatchException"):
        put("p", Type="StringList", Overwrite=True)
    assert ssm.put_parameter(Name="p", Value="w", Overwrite=True)["Version"] == 2
    with aws_error("ValidationException", "A parameter type is required"):
        ssm.put_parameter(Name="q", Value="w")


def test_versions_and_labels_are_read_by_selector(ssm, put, aws_error):
    for value in ("one", "two", "three"):
        put("p", value, Overwrite=True)
    ssm.label_parameter_version(Name="p", ParameterVersion=2, Labels=["prod"])
    assert ssm.get_parameter(Name="p:1")["Parameter"]["Value"] == "one"
    labelled = ssm.get_parameter(Name="p:prod")["Parameter"]
    assert (labelled["Value"], labelled["Selector"], labelled["Name"]) == ("two", ":prod", "p")
    assert ssm.get_parameter(Name="p")["Parameter"]["Value"] == "three"
    with aws_error("ParameterVersionNotFound", "could not find version 9 of p"):
        ssm.get_parameter(Name="p:9")
    with aws_error("ParameterVersionNotFound"):
        ssm.get_parameter(Name="p:absent")
    with aws_error("ParameterNotFound"):
        ssm.get_parameter(Name="absent")


def test_a_label_moves_and_goes(ssm, put):
    put("p", "one")
    put("p", "two", Overwrite=True)
    ssm.label_parameter_version(Name="p", ParameterVersion=1, Labels=["live"])
    answer = ssm.label_parameter_version(Name="p", Labels=["live", "1st", "awsome"])
    assert answer == {**answer, "InvalidLabels": ["1st", "awsome"], "ParameterVersion": 2}
    history = ssm.get_parameter_history(Name="p")["Parameters"]
    assert [version["Labels"] for version in history] == [[], ["live"]]
    answer = ssm.unlabel_parameter_version(Name="p", ParameterVersion=2, Labels=["live", "absent"])
    assert (answer["RemovedLabels"], answer["InvalidLabels"]) == (["live"], ["absent"])


def test_a_version_has_at_most_ten_labels(ssm, put, aws_error):
    put("p")
    ssm.label_parameter_version(Name="p", Labels=[f"l{n}" for n in range(10)])
    with aws_error("ParameterVersionLabelLimitExceeded"):
        ssm.label_parameter_version(Name="p", Labels=["more"])


def test_a_hundred_versions_are_kept_and_a_labelled_one_is_not_lost(ssm, put, aws_error):
    for _ in range(101):
        put("p", Overwrite=True)
    pages = list(ssm.get_paginator("get_parameter_history").paginate(Name="p"))
    versions = [version["Version"] for page in pages for version in page["Parameters"]]
    assert versions == list(range(2, 102)) and len(pages) == 2
    ssm.label_parameter_version(Name="p", ParameterVersion=2, Labels=["keep"])
    with aws_error("ParameterMaxVersionLimitExceeded", "Version 2, the oldest version"):
        put("p", Overwrite=True)


def test_several_are_read_and_deleted_at_once(ssm, put):
    put("a")
    put("b")
    found = ssm.get_parameters(Names=["a", "absent", "b:7"])
    assert ([each["Name"] for each in found["Parameters"]], found["InvalidParameters"]) == (["a"], ["absent", "b:7"])
    gone = ssm.delete_parameters(Names=["a", "absent"])
    assert (gone["DeletedParameters"], gone["InvalidParameters"]) == (["a"], ["absent"])
    assert [each["Name"] for each in ssm.describe_parameters()["Parameters"]] == ["b"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("aws-mine", "ValidationException"),
        ("/aws/mine", "AccessDeniedException"),
        ("ssm.mine", "ValidationException"),
        ("a b", "ValidationException"),
        ("a/b", "ValidationException"),
        ("/a//b", "ValidationException"),
        ("/" + "/".join("abcdefghijklmnop"), "HierarchyLevelLimitExceededException"),
        ("x" * 1000, "ValidationException"),
    ],
)
def test_names_that_aws_refuses(put, aws_error, name, code):
    with aws_error(code):
        put(name)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"Value": ""}, "ValidationException"),
        ({"Value": "x" * 4097}, "ValidationException"),
        ({"Value": "{{ssm:other}}"}, "ValidationException"),
        ({"Value": "x" * 8193, "Tier": "Advanced"}, "ValidationException"),
        ({"AllowedPattern": r"^\d+$"}, "ParameterPatternMismatchException"),
        ({"AllowedPattern": "("}, "InvalidAllowedPatternException"),
        ({"KeyId": "alias/mine"}, "ValidationException"),
        ({"DataType": "aws:ec2:image", "Value": "ami-0123456789abcdef0"}, "NotImplemented"),
        ({"DataType": "aws:ssm:integration"}, "NotImplemented"),
        ({"DataType": "nonsense"}, "ValidationException"),
        ({"Overwrite": True, "Tags": [{"Key": "a", "Value": "b"}]}, "ValidationException"),
        ({"Policies": "[]", "Type": "Nothing"}, "ValidationException"),
    ],
)
def test_values_and_options_that_aws_refuses(ssm, aws_error, options, code):
    with aws_error(code):
        ssm.put_parameter(**{"Name": "p", "Value": "v", "Type": "String", **options})
    assert ssm.describe_parameters()["Parameters"] == []


def test_tiers_go_up_and_never_down(put, aws_error):
    assert put("p")["Tier"] == "Standard"
    assert put("p", "x" * 5000, Tier="Intelligent-Tiering", Overwrite=True)["Tier"] == "Advanced"
    assert put("p", Overwrite=True)["Tier"] == "Advanced"
    with aws_error("ValidationException", "You can't downgrade"):
        put("p", Tier="Standard", Overwrite=True)


def test_a_hierarchy_is_read_by_level_in_pages(ssm, put, aws_error):
    for name in ("/app/a", "/app/b", "/app/deep/c", "/application/x", "top"):
        put(name)

    def names(**options):
        return [each["Name"] for page in ssm.get_paginator("get_parameters_by_path").paginate(**options) for each in page["Parameters"]]

    assert names(Path="/app") == names(Path="/app/") == ["/app/a", "/app/b"]
    assert names(Path="/app", Recursive=True, PaginationConfig={"PageSize": 1}) == ["/app/a", "/app/b", "/app/deep/c"]
    assert names(Path="/") == ["top"]
    with aws_error("ValidationException"):
        names(Path="app")
    with aws_error("InvalidNextToken"):
        ssm.get_parameters_by_path(Path="/", NextToken="*")


def test_a_hierarchy_is_filtered_by_label_and_type(ssm, put, aws_error):
    put("/app/a", "one")
    put("/app/a", "two", Overwrite=True)
    put("/app/b", "x,y", Type="StringList")
    ssm.label_parameter_version(Name="/app/a", ParameterVersion=1, Labels=["live"])
    found = ssm.get_parameters_by_path(Path="/app", ParameterFilters=[{"Key": "Label", "Values": ["live"]}])["Parameters"]
    assert [(each["Name"], each["Value"]) for each in found] == [("/app/a", "one")]
    found = ssm.get_parameters_by_path(Path="/app", ParameterFilters=[{"Key": "Type", "Values": ["StringList"]}])["Parameters"]
    assert [each["Name"] for each in found] == ["/app/b"]
    with aws_error("InvalidFilterKey"):
        ssm.get_parameters_by_path(Path="/app", ParameterFilters=[{"Key": "Name", "Values": ["x"]}])


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"Key": "Name", "Option": "BeginsWith", "Values": ["/app"]}, ["/app/a", "/app/deep/b"]),
        ({"Key": "Name", "Option": "Contains", "Values": ["deep"]}, ["/app/deep/b"]),
        ({"Key": "Path", "Values": ["/app"]}, ["/app/a"]),
        ({"Key": "Path", "Option": "Recursive", "Values": ["/app"]}, ["/app/a", "/app/deep/b"]),
        ({"Key": "tag:team", "Values": ["x"]}, ["top"]),
        ({"Key": "tag:team"}, ["top"]),
        ({"Key": "Tier", "Values": ["Advanced"]}, ["/app/deep/b"]),
        ({"Key": "Type", "Values": ["SecureString"]}, ["top"]),
        ({"Key": "KeyId", "Values": ["alias/aws/ssm"]}, ["top"]),
    ],
)
def test_descriptions_are_filtered(ssm, put, wanted, names):
    put("/app/a")
    put("/app/deep/b", Tier="Advanced")
    put("top", Type="SecureString", Tags=[{"Key": "team", "Value": "x"}])
    assert [each["Name"] for each in ssm.describe_parameters(ParameterFilters=[wanted])["Parameters"]] == names


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"Key": "Label", "Values": ["x"]}, "InvalidFilterKey"),
        ({"Key": "Type", "Option": "Contains", "Values": ["String"]}, "InvalidFilterOption"),
        ({"Key": "Type", "Values": ["Number"]}, "InvalidFilterValue"),
    ],
)
def test_filters_that_make_no_sense_are_refused(ssm, aws_error, wanted, code):
    with aws_error(code):
        ssm.describe_parameters(ParameterFilters=[wanted])


def test_tags_of_a_parameter(ssm, put, aws_error):
    put("p", Tags=[{"Key": "a", "Value": "1"}])
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId="p", Tags=[{"Key": "b", "Value": "2"}])
    ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId="p", TagKeys=["a"])
    assert ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="p")["TagList"] == [{"Key": "b", "Value": "2"}]
    with aws_error("InvalidResourceId"):
        ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="absent")
    with aws_error("NotImplemented"):
        ssm.list_tags_for_resource(ResourceType="Document", ResourceId="p")


@pytest.mark.parametrize(("tier", "size"), [("Standard", 4096), ("Advanced", 8192)])
def test_a_secure_string_is_ciphertext_until_it_is_asked_for(ssm, put, tier, size):
    put("secret", "x" * size, Type="SecureString", Tier=tier)
    shown = ssm.get_parameter(Name="secret")["Parameter"]["Value"]
    assert b"xxx" not in base64.b64decode(shown)
    assert ssm.get_parameter(Name="secret", WithDecryption=True)["Parameter"]["Value"] == "x" * size
    history = ssm.get_parameter_history(Name="secret", WithDecryption=True)["Parameters"]
    assert (history[0]["Value"], history[0]["KeyId"]) == ("x" * size, "alias/aws/ssm")


def test_a_secure_string_under_a_key_of_ones_own(world, ssm, put, aws_error):
    kms = world.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    put("secret", "x", Type="SecureString", KeyId=key)
    blob = base64.b64decode(ssm.get_parameter(Name="secret")["Parameter"]["Value"])
    context = {"PARAMETER_ARN": "arn:aws:ssm:us-east-1:000000000000:parameter/secret"}
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"x"
    kms.disable_key(KeyId=key)
    with aws_error("InvalidKeyId", "is disabled"):
        ssm.get_parameter(Name="secret", WithDecryption=True)
    with aws_error("InvalidKeyId"):
        put("other", "x", Type="SecureString", KeyId="alias/absent")


def test_a_reader_needs_the_key_too(world, ssm, put, aws_error):
    import json

    iam, key = world.client("iam"), world.client("kms").create_key()["KeyMetadata"]["KeyId"]
    put("/app/secret", "x", Type="SecureString", KeyId=key)
    iam.create_user(UserName="ada")
    statement = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "arn:aws:ssm:*:*:parameter/app/*"}
    iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    access = iam.create_access_key(UserName="ada")["AccessKey"]
    ada = world.client("ssm", access_key=access["AccessKeyId"], secret=access["SecretAccessKey"])
    ada.get_parameter(Name="/app/secret")
    with aws_error("AccessDeniedException", "kms:Decrypt"):
        ada.get_parameter(Name="/app/secret", WithDecryption=True)
    with aws_error("AccessDeniedException", "ssm:GetParameter"):
        ada.get_parameter(Name="/other")


def test_changes_are_published(ssm, put, events):
    put("p", Description="d")
    put("p", Overwrite=True)
    ssm.delete_parameter(Name="p")
    assert [detail["operation"] for _, detail in events()] == ["Create", "Update", "Delete"]
    assert events()[0] == ("Parameter Store Change", {"operation": "Create", "name": "p", "type": "String", "description": "d"})


def test_public_parameters_tell_the_regions(ssm, aws_error):
    root = "/aws/service/global-infrastructure/regions"
    assert ssm.get_parameter(Name=f"{root}/eu-west-1/longName")["Parameter"]["Value"] == "Europe (Ireland)"
    regions = [each["Value"] for page in ssm.get_paginator("get_parameters_by_path").paginate(Path=root) for each in page["Parameters"]]
    assert "us-east-1" in regions and "cn-north-1" in regions and len(regions) == len(set(regions)) > 30
    with aws_error("ParameterNotFound"):
        ssm.get_parameter(Name="/aws/service/nonsense")


def test_the_id_of_an_image_is_ec2s_to_say(ssm):
    """EC2's own refusal, or an image of its own: never an id that is made up."""
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    try:
        assert ssm.get_parameter(Name=name)["Parameter"]["Value"].startswith("ami-")
    except ssm.exceptions.ClientError as problem:
        assert problem.response["Error"]["Code"] in ("NotImplemented", "ParameterNotFound")


def test_the_accounts_default_tier_counts_where_none_is_named(ssm, put, aws_error):
    setting = "/ssm/parameter-store/default-parameter-tier"
    assert ssm.get_service_setting(SettingId=setting)["ServiceSetting"]["Status"] == "Default"
    ssm.update_service_setting(SettingId=f"arn:aws:ssm:us-east-1:000000000000:servicesetting{setting}", SettingValue="Advanced")
    assert put("p")["Tier"] == "Advanced" and put("q", Tier="Standard")["Tier"] == "Standard"
    shown = ssm.get_service_setting(SettingId=setting)["ServiceSetting"]
    assert (shown["SettingValue"], shown["Status"]) == ("Advanced", "Customized")
    assert ssm.reset_service_setting(SettingId=setting)["ServiceSetting"]["SettingValue"] == "Standard"
    assert put("r")["Tier"] == "Standard" and put("p", Overwrite=True)["Tier"] == "Advanced"
    with aws_error("ValidationException"):
        ssm.update_service_setting(SettingId=setting, SettingValue="Cheap")
    with aws_error("ServiceSettingNotFound"):
        ssm.get_service_setting(SettingId="/ssm/nonsense")
    with aws_error("NotImplemented"):
        ssm.get_service_setting(SettingId="/ssm/opsinsights/opscenter")


def test_an_arn_means_a_name_with_and_without_its_slash(ssm, aws_error):
    for name in ("/slash", "plain", "/a/b"):
        ssm.put_parameter(Name=name, Value=name, Type="String")
        arn = ssm.get_parameter(Name=name)["Parameter"]["ARN"]
        assert ssm.get_parameter(Name=arn)["Parameter"]["Value"] == name
        assert ssm.get_parameters(Names=[f"{arn}:1"])["Parameters"][0]["Value"] == name
    with aws_error("ParameterNotFound"):
        ssm.get_parameter(Name="arn:aws:ssm:us-east-1:000000000000:parameter/absent")
