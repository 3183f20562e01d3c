"""Data protection: sensitive data is masked for those who may not see it. Account policies."""

import json

import pytest

EMAIL = "arn:aws:dataprotection::aws:data-identifier/EmailAddress"
CARD = "arn:aws:dataprotection::aws:data-identifier/CreditCardNumber"


def policy(*wanted, findings=None, **more):
    audit = {"DataIdentifier": list(wanted), "Operation": {"Audit": {"FindingsDestination": findings or {}}}}
    mask = {"DataIdentifier": list(wanted), "Operation": {"Deidentify": {"MaskConfig": {}}}}
    return json.dumps({"Name": "p", "Version": "2021-06-01", "Statement": [audit, mask], **more})


@pytest.fixture
def logs(world):
    world.clock.freeze()
    logs = world.client("logs")
    logs.create_log_group(logGroupName="app")
    logs.create_log_stream(logGroupName="app", logStreamName="s")
    return logs


def put(world, *messages, group="app"):
    now = int(world.clock.now().timestamp() * 1000)
    world.client("logs").put_log_events(
        logGroupName=group, logStreamName="s", logEvents=[{"timestamp": now, "message": message} for message in messages]
    )


def seen(logs, **more):
    return [event["message"] for event in logs.filter_log_events(logGroupName="app", **more)["events"]]


def user(world, *actions):
    iam = world.client("iam")
    iam.create_user(UserName="u")
    allow = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    key = iam.create_access_key(UserName="u")["AccessKey"]
    return world.client("logs", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])


def query(world, logs, text):
    started = logs.start_query(logGroupName="app", startTime=0, endTime=2**32, queryString=text)
    world.settle()
    rows = logs.get_query_results(queryId=started["queryId"])["results"]
    return [{cell["field"]: cell["value"] for cell in row if cell["field"] != "@ptr"} for row in rows]


def test_sensitive_data_is_masked_from_the_policy_on(world, logs):
    put(world, "before jane@example.com")
    answer = logs.put_data_protection_policy(logGroupIdentifier="app", policyDocument=policy(EMAIL))
    assert answer["logGroupIdentifier"] == "app"
    put(world, "after jane@example.com and bob@example.org.", "nothing here")
    masked = ["before jane@example.com", "after **************** and ***************.", "nothing here"]
    assert seen(logs) == masked
    assert [e["message"] for e in logs.get_log_events(logGroupName="app", logStreamName="s", startFromHead=True)["events"]] == masked
    assert seen(logs, unmask=True)[1] == "after jane@example.com and bob@example.org."
    assert logs.describe_log_groups()["logGroups"][0]["dataProtectionStatus"] == "ACTIVATED"


def test_only_who_may_unmask_sees_what_is_masked(world, logs, aws_error):
    logs.put_data_protection_policy(logGroupIdentifier="app", policyDocument=policy(EMAIL))
    put(world, "jane@example.com")
    reader = user(world, "logs:FilterLogEvents", "logs:GetLogEvents", "logs:StartQuery")
    assert seen(reader) == ["****************"]
    with aws_error("AccessDeniedException", "logs:Unmask"):
        seen(reader, unmask=True)
    with aws_error("AccessDeniedException", "logs:Unmask"):
        reader.get_log_events(logGroupName="app", logStreamName="s", unmask=True)
    with aws_error("AccessDeniedException", "logs:Unmask"):
        reader.start_query(logGroupName="app", startTime=0, endTime=2**32, queryString="fields @timestamp | unmask @message")


def test_queries_see_masked_data_unless_they_unmask_it(world, logs):
    logs.put_data_protection_policy(logGroupIdentifier="app", policyDocument=policy(EMAIL))
    put(world, "jane@example.com")
    assert query(world, logs, "fields @message") == [{"@message": "****************"}]
    assert query(world, logs, "unmask @message") == [{"@message": "jane@example.com"}]


@pytest.mark.parametrize(
    ("name", "text", "masked"),
    [
        ("CreditCardNumber", "cards 4111 1111 1111 1111, 4111111111111112", "cards *******************, 4111111111111112"),
        ("IpAddress", "from 10.0.0.1 at 12:30:45 by 2001:db8::1", "from ******** at 12:30:45 by ***********"),
        ("Ssn-US", "ssn 123-45-6789 and order 123-45-6789999", "ssn *********** and order 123-45-6789999"),
        ("AwsSecretKey", "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key=" + "*" * 40),
        ("BankAccountNumber-DE", "IBAN DE89370400440532013000.", "IBAN **********************."),
        ("PhoneNumber-US", "call (425) 555-0100 now", "call ************** now"),
    ],
)
def test_managed_identifiers_find_what_they_are_named_for(world, logs, name, text, masked):
    arn = f"arn:aws:dataprotection::aws:data-identifier/{name}"
    logs.put_data_protection_policy(logGroupIdentifier="app", policyDocument=policy(arn))
    put(world, text)
    assert seen(logs) == [masked]


def test_custom_identifiers_are_regular_expressions(world, logs):
    own = {"CustomDataIdentifier": [{"Name": "EmployeeId", "Regex": r"EmployeeID-\d{9}"}]}
    logs.put_data_protection_policy(logGroupIdentifier="app", policyDocument=policy(EMAIL, "EmployeeId", Configuration=own))
    put(world, "who: EmployeeID-123456789!")
    assert seen(logs) == ["who: ********************!"]


def test_findings_are_written_to_a_group_and_counted(world, logs):
    logs.create_log_group(logGroupName="findings")
    document = policy(EMAIL, findings={"CloudWatchLogs": {"LogGroup": "findings"}})
    logs.put_data_protection_policy(logGroupIdentifier="app", policyDocument=document)
    put(world, "to jane@example.com, bob@example.org", "none")
    [event] = logs.filter_log_events(logGroupName="findings")["events"]
    found = json.loads(event["message"])
    assert found["resourceArn"] == "arn:aws:logs:us-east-1:000000000000:log-group:app:*"
    detections = [{"start": 3, "end": 19}, {"start": 21, "end": 36}]
    assert found["dataIdentifiers"] == [{"name": "EmailAddress", "count": 2, "detections": detections}]
    metrics = world.client("cloudwatch").list_metrics(Namespace="AWS/Logs", MetricName="LogEventsWithFindings")["Metrics"]
    assert {"Name": "LogGroupName", "Value": "app"} in metrics[-1]["Dimensions"] + metrics[0]["Dimensions"]


def test_metric_filters_see_masked_data(world, logs):
    logs.put_data_protection_policy(logGroupIdentifier="app", policyDocument=policy(EMAIL))
    transformation = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
    logs.put_metric_filter(logGroupName="app", filterName="f", filterPattern="jane", metricTransformations=[transformation])
    put(world, "jane@example.com")
    assert world.client("cloudwatch").list_metrics(Namespace="n")["Metrics"] == []


@pytest.mark.parametrize(
    "document",
    [
        "no json",
        "[]",
        json.dumps({"Statement": []}),
        json.dumps({"Version": "2021-06-01", "Statement": [{"DataIdentifier": [EMAIL], "Operation": {"Deidentify": {"MaskConfig": {}}}}]}),
        policy(),
        policy("EmailAddress"),
        policy(EMAIL).replace("2021-06-01", "2012-10-17"),
        policy(EMAIL, findings={"CloudWatchLogs": {"LogGroup": "absent"}}),
        policy("X", Configuration={"CustomDataIdentifier": [{"Name": "X", "Regex": "(a+)+"}]}),
    ],
)
def test_what_is_no_policy_is_refused(logs, aws_error, document):
    with aws_error("InvalidParameterException"):
        logs.put_data_protection_policy(logGroupIdentifier="app", policyDocument=document)
    assert "policyDocument" not in logs.get_data_protection_policy(logGroupIdentifier="app")


def test_identifiers_that_need_a_trained_model_are_refused_plainly(logs, aws_error):
    with aws_error("NotImplemented"):
        logs.put_data_protection_policy(logGroupIdentifier="app", policyDocument=policy(EMAIL.replace("EmailAddress", "Name")))


def test_a_policy_is_read_and_deleted(world, logs, aws_error):
    document = policy(EMAIL)
    logs.put_data_protection_policy(logGroupIdentifier="app", policyDocument=document)
    assert logs.get_data_protection_policy(logGroupIdentifier="app")["policyDocument"] == document
    logs.delete_data_protection_policy(logGroupIdentifier="app")
    with aws_error("ResourceNotFoundException"):
        logs.delete_data_protection_policy(logGroupIdentifier="app")
    put(world, "jane@example.com")
    assert seen(logs) == ["jane@example.com"]


def test_the_accounts_policy_holds_for_every_group_beside_its_own(world, logs, aws_error):
    logs.put_account_policy(policyName="all", policyType="DATA_PROTECTION_POLICY", policyDocument=policy(EMAIL))
    logs.put_data_protection_policy(logGroupIdentifier="app", policyDocument=policy(CARD))
    put(world, "jane@example.com 4111111111111111")
    assert seen(logs) == ["*" * 16 + " " + "*" * 16]
    assert logs.describe_log_groups()["logGroups"][0]["inheritedProperties"] == ["ACCOUNT_DATA_PROTECTION"]
    [found] = logs.describe_account_policies(policyType="DATA_PROTECTION_POLICY")["accountPolicies"]
    assert (found["policyName"], found["scope"], found["accountId"]) == ("all", "ALL", "000000000000")
    with aws_error("LimitExceededException"):
        logs.put_account_policy(policyName="more", policyType="DATA_PROTECTION_POLICY", policyDocument=policy(EMAIL))
    logs.delete_account_policy(policyName="all", policyType="DATA_PROTECTION_POLICY")
    with aws_error("ResourceNotFoundException"):
        logs.delete_account_policy(policyName="all", policyType="DATA_PROTECTION_POLICY")
    put(world, "jane@example.com")
    assert seen(logs)[-1] == "jane@example.com"


def test_account_policies_want_the_permission_of_their_kind_too(world, logs, aws_error):
    caller = user(world, "logs:PutAccountPolicy")
    with aws_error("AccessDeniedException", "logs:PutDataProtectionPolicy"):
        caller.put_account_policy(policyName="all", policyType="DATA_PROTECTION_POLICY", policyDocument=policy(EMAIL))


def test_index_policies_are_kept_and_the_groups_own_comes_first(logs, aws_error):
    logs.put_account_policy(
        policyName="all",
        policyType="FIELD_INDEX_POLICY",
        policyDocument=json.dumps({"Fields": ["RequestId"]}),
        selectionCriteria='LogGroupNamePrefix = "ap"',
    )
    [found] = logs.describe_index_policies(logGroupIdentifiers=["app"])["indexPolicies"]
    assert (found["source"], found["policyName"]) == ("ACCOUNT", "all")
    logs.put_index_policy(logGroupIdentifier="app", policyDocument=json.dumps({"Fields": ["TransactionId"]}))
    [found] = logs.describe_index_policies(logGroupIdentifiers=["app"])["indexPolicies"]
    assert found["source"] == "LOG_GROUP"
    told = logs.describe_field_indexes(logGroupIdentifiers=["app"], indexCategories=["CUSTOM"])["fieldIndexes"]
    assert [one["fieldIndexName"] for one in told] == ["TransactionId"]
    logs.delete_index_policy(logGroupIdentifier="app")
    with aws_error("ResourceNotFoundException"):
        logs.delete_index_policy(logGroupIdentifier="app")
    with aws_error("InvalidParameterException"):
        logs.put_index_policy(logGroupIdentifier="app", policyDocument=json.dumps({"Fields": [f"f{n}" for n in range(21)]}))
