"""Topics: names, attributes, tags, permissions; platform applications; text messages' settings."""

import json

import pytest


def test_creating_a_topic_again_gives_its_arn(sns, topic):
    assert topic == "arn:aws:sns:us-east-1:000000000000:news"
    assert sns.create_topic(Name="news")["TopicArn"] == topic


def test_creating_it_with_other_attributes_or_tags_is_refused(sns, topic, aws_error):
    with aws_error("InvalidParameter", "different attributes"):
        sns.create_topic(Name="news", Attributes={"DisplayName": "x"})
    with aws_error("InvalidParameter", "different tags"):
        sns.create_topic(Name="news", Tags=[{"Key": "a", "Value": "b"}])


@pytest.mark.parametrize(("name", "fifo"), [("a b", False), ("x" * 257, False), ("news.fifo", False), ("news", True)])
def test_a_bad_name_is_refused(sns, aws_error, name, fifo):
    with aws_error("InvalidParameter", "Topic Name"):
        sns.create_topic(Name=name, Attributes={"FifoTopic": "true"} if fifo else {})


def test_attributes_can_be_set_and_are_shown(sns, topic):
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="The News")
    found = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert found["DisplayName"] == "The News" and found["Owner"] == "000000000000" and found["SubscriptionsConfirmed"] == "0"
    assert json.loads(found["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 3
    assert json.loads(found["Policy"])["Id"] == "__default_policy_ID"


def test_a_fifo_topic_shows_what_only_it_has(sns):
    arn = sns.create_topic(Name="n.fifo", Attributes={"FifoTopic": "true", "ContentBasedDeduplication": "true"})["TopicArn"]
    found = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert (found["FifoTopic"], found["ContentBasedDeduplication"]) == ("true", "true")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("Nonsense", "x", "InvalidParameter"),
        ("SignatureVersion", "3", "InvalidParameter"),
        ("ContentBasedDeduplication", "true", "InvalidParameter"),
        ("DeliveryPolicy", "{", "InvalidParameter"),
        ("DeliveryPolicy", '{"http": {"defaultHealthyRetryPolicy": {"numRetries": 101}}}', "InvalidParameter"),
        ("DeliveryPolicy", '{"http": {"defaultHealthyRetryPolicy": {"numNoDelayRetries": 1000000000000}}}', "InvalidParameter"),
        ("Policy", "{}", "InvalidParameter"),
        ("TracingConfig", "Active", "NotImplemented"),
    ],
)
def test_a_bad_attribute_is_refused(sns, topic, aws_error, name, value, code):
    with aws_error(code):
        sns.set_topic_attributes(TopicArn=topic, AttributeName=name, AttributeValue=value)


def test_a_deleted_topic_is_gone_and_can_be_deleted_again(sns, topic, open_queue, aws_error):
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=open_queue("q")[1])
    sns.delete_topic(TopicArn=topic)
    sns.delete_topic(TopicArn=topic)
    with aws_error("NotFound", "Topic does not exist"):
        sns.get_topic_attributes(TopicArn=topic)
    assert sns.list_subscriptions()["Subscriptions"] == []


def test_listing_by_pages(sns):
    for number in range(105):
        sns.create_topic(Name=f"t{number:03}")
    pages = list(sns.get_paginator("list_topics").paginate())
    assert [len(page["Topics"]) for page in pages] == [100, 5]


def test_tags(sns, aws_error):
    arn = sns.create_topic(Name="tagged", Tags=[{"Key": "a", "Value": "1"}])["TopicArn"]
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    with aws_error("ResourceNotFound"):
        sns.list_tags_for_resource(ResourceArn=arn + "x")


def test_an_arn_that_is_none(sns, aws_error):
    with aws_error("InvalidParameter"):
        sns.publish(TopicArn="nonsense", Message="x")
    with aws_error("NotFound"):
        sns.publish(TopicArn="arn:aws:sns:us-east-1:000000000000:none", Message="x")


def test_permissions_let_other_accounts_in(world, sns, topic, aws_error):
    other = world.client("sns", aws_access_key_id="111111111111", aws_secret_access_key="x")
    with aws_error("AuthorizationError"):
        other.publish(TopicArn=topic, Message="x")
    sns.add_permission(TopicArn=topic, Label="them", AWSAccountId=["111111111111"], ActionName=["Publish"])
    other.publish(TopicArn=topic, Message="x")
    sns.remove_permission(TopicArn=topic, Label="them")
    with aws_error("AuthorizationError"):
        other.publish(TopicArn=topic, Message="x")


def test_data_protection_is_refused_plainly(sns, topic, aws_error):
    with aws_error("NotImplemented"):
        sns.put_data_protection_policy(ResourceArn=topic, DataProtectionPolicy="{}")


def test_platform_applications_and_their_devices(sns, aws_error):
    app = sns.create_platform_application(Name="app", Platform="GCM", Attributes={"PlatformCredential": "secret"})["PlatformApplicationArn"]
    assert "PlatformCredential" not in sns.get_platform_application_attributes(PlatformApplicationArn=app)["Attributes"]
    device = sns.create_platform_endpoint(PlatformApplicationArn=app, Token="t1", CustomUserData="u")["EndpointArn"]
    assert sns.create_platform_endpoint(PlatformApplicationArn=app, Token="t1")["EndpointArn"] == device
    with aws_error("InvalidParameter", "already exists with the same Token"):
        sns.create_platform_endpoint(PlatformApplicationArn=app, Token="t1", CustomUserData="other")
    assert [each["EndpointArn"] for each in sns.list_endpoints_by_platform_application(PlatformApplicationArn=app)["Endpoints"]] == [device]
    sns.set_endpoint_attributes(EndpointArn=device, Attributes={"Enabled": "false"})
    with aws_error("EndpointDisabled"):
        sns.publish(TargetArn=device, Message="x")
    sns.delete_endpoint(EndpointArn=device)
    with aws_error("NotFound"):
        sns.get_endpoint_attributes(EndpointArn=device)
    sns.delete_platform_application(PlatformApplicationArn=app)
    assert sns.list_platform_applications()["PlatformApplications"] == []


def test_settings_of_text_messages(sns, aws_error):
    sns.set_sms_attributes(attributes={"DefaultSMSType": "Transactional"})
    assert sns.get_sms_attributes(attributes=["DefaultSMSType"])["attributes"] == {"DefaultSMSType": "Transactional"}
    with aws_error("InvalidParameter"):
        sns.set_sms_attributes(attributes={"DefaultSMSType": "Loud"})
