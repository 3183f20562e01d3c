"""Delivery status in CloudWatch Logs; text messages' settings, opt-outs and sandbox."""

import json

import pytest


@pytest.fixture
def logs(world):
    return world.client("logs")


@pytest.fixture
def role(world) -> str:
    """A role under which SNS may write logs."""
    iam = world.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sts:AssumeRole"}
    made = iam.create_role(RoleName="feedback", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    write = {"Effect": "Allow", "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
    iam.put_role_policy(RoleName="feedback", PolicyName="w", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [write]}))
    return made["Role"]["Arn"]


@pytest.fixture
def entries(world, logs):
    """The entries of a log group."""

    def read(group):
        world.settle()
        return [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName=group)["events"]]

    return read


def feed(sns, topic, **attributes):
    for name, value in attributes.items():
        sns.set_topic_attributes(TopicArn=topic, AttributeName=name, AttributeValue=value)


def test_a_delivery_to_a_queue_is_logged(sns, topic, role, open_queue, entries):
    _, arn = open_queue("q")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    feed(sns, topic, SQSSuccessFeedbackRoleArn=role, SQSSuccessFeedbackSampleRate="100")
    message_id = sns.publish(TopicArn=topic, Message="x")["MessageId"]
    (entry,) = entries("sns/us-east-1/000000000000/news")
    assert entry["status"] == "SUCCESS" and entry["notification"]["messageId"] == message_id
    assert entry["delivery"]["destination"] == arn and entry["delivery"]["statusCode"] == 200 and entry["delivery"]["attempts"] == 1
    assert json.loads(entry["delivery"]["providerResponse"])["sqsMessageId"]


def test_a_failed_delivery_is_logged_elsewhere(sns, sqs, topic, role, entries):
    sqs.create_queue(QueueName="closed")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:closed")
    feed(sns, topic, SQSFailureFeedbackRoleArn=role)
    sns.publish(TopicArn=topic, Message="x")
    (entry,) = entries("sns/us-east-1/000000000000/news/Failure")
    assert entry["status"] == "FAILURE" and entry["delivery"]["statusCode"] == 403


def test_successes_are_logged_as_often_as_asked(world, sns, topic, role, open_queue, logs):
    _, arn = open_queue("q")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    feed(sns, topic, SQSSuccessFeedbackRoleArn=role)
    sns.publish(TopicArn=topic, Message="x")
    world.settle()
    assert logs.describe_log_groups()["logGroups"] == []


def test_a_role_that_may_not_write_leaves_no_trace(world, sns, topic, open_queue, received, logs):
    url, arn = open_queue("q")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    feed(sns, topic, SQSSuccessFeedbackRoleArn="arn:aws:iam::000000000000:role/none", SQSSuccessFeedbackSampleRate="100")
    sns.publish(TopicArn=topic, Message="x")
    world.settle()
    assert len(received(url)) == 1 and logs.describe_log_groups()["logGroups"] == []


@pytest.mark.parametrize(("name", "value"), [("SQSSuccessFeedbackRoleArn", "me"), ("LambdaSuccessFeedbackSampleRate", "101")])
def test_a_bad_feedback_attribute_is_refused(sns, topic, aws_error, name, value):
    with aws_error("InvalidParameter", name):
        sns.set_topic_attributes(TopicArn=topic, AttributeName=name, AttributeValue=value)


def test_text_messages_are_logged_under_the_accounts_role(sns, role, entries):
    sns.set_sms_attributes(attributes={"DeliveryStatusIAMRole": role, "DeliveryStatusSuccessSamplingRate": "100"})
    sns.publish(PhoneNumber="+15550100", Message="x")
    (entry,) = entries("sns/us-east-1/000000000000/DirectPublishToPhoneNumber")
    assert entry["delivery"]["destination"] == "+15550100" and entry["delivery"]["smsType"] == "Promotional"


def test_who_answers_stop_gets_no_more(world, own_post, own_get, sns, aws_error):
    assert own_post("/_aws/sns/sms-replies", phoneNumber="+15550100", text="stop") == {"optedOut": True}
    assert sns.check_if_phone_number_is_opted_out(phoneNumber="+15550100")["isOptedOut"] is True
    assert sns.list_phone_numbers_opted_out()["phoneNumbers"] == ["+15550100"]
    sns.publish(PhoneNumber="+15550100", Message="x")
    assert own_get("/_aws/sns/sms-messages")["sms_messages"] == {}
    sns.opt_in_phone_number(phoneNumber="+15550100")
    sns.publish(PhoneNumber="+15550100", Message="y")
    assert list(own_get("/_aws/sns/sms-messages")["sms_messages"]) == ["+15550100"]
    own_post("/_aws/sns/sms-replies", phoneNumber="+15550100", text="STOP")
    with aws_error("InvalidParameter", "30 days"):
        sns.opt_in_phone_number(phoneNumber="+15550100")
    world.clock.advance(days=31)
    sns.opt_in_phone_number(phoneNumber="+15550100")


def test_a_sandbox_number_is_verified_with_the_code_it_gets(world, sns, own_get, aws_error):
    sns.create_sms_sandbox_phone_number(PhoneNumber="+15550100200")
    assert sns.list_sms_sandbox_phone_numbers()["PhoneNumbers"] == [{"PhoneNumber": "+15550100200", "Status": "Pending"}]
    (sent,) = own_get("/_aws/sns/sms-messages")["sms_messages"]["+15550100200"]
    with aws_error("VerificationException"):
        sns.verify_sms_sandbox_phone_number(PhoneNumber="+15550100200", OneTimePassword="12345")
    sns.verify_sms_sandbox_phone_number(PhoneNumber="+15550100200", OneTimePassword=sent["Message"][-6:])
    assert sns.list_sms_sandbox_phone_numbers()["PhoneNumbers"][0]["Status"] == "Verified"
    with aws_error("UserError"):
        sns.delete_sms_sandbox_phone_number(PhoneNumber="+15550100200")
    world.clock.advance(hours=25)
    sns.delete_sms_sandbox_phone_number(PhoneNumber="+15550100200")
    with aws_error("ResourceNotFound"):
        sns.delete_sms_sandbox_phone_number(PhoneNumber="+15550100200")


def test_push_notifications_are_logged_for_their_application(sns, role, entries):
    attributes = {"PlatformCredential": "x", "SuccessFeedbackRoleArn": role, "SuccessFeedbackSampleRate": "100"}
    application = sns.create_platform_application(Name="a", Platform="GCM", Attributes=attributes)["PlatformApplicationArn"]
    endpoint = sns.create_platform_endpoint(PlatformApplicationArn=application, Token="t")["EndpointArn"]
    sns.publish(TargetArn=endpoint, Message="x")
    (entry,) = entries("sns/us-east-1/000000000000/app/GCM/a")
    assert entry["delivery"]["destination"] == endpoint
