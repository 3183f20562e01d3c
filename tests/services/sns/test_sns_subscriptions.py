"""Subscriptions: their life, web servers, retries, mail and text messages."""

import json
import socket
import threading
import urllib.error
import urllib.request

import pytest

from cloudjar.services.sns import http_client, subscription_attributes


def fetch(url, method="GET"):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def here(world, link):
    """A link in a message, on the socket that this test's world has."""
    return world.endpoint + "/" + link.split("/", 3)[3]


@pytest.fixture
def confirmed(world, sns, topic, subscriber):
    """A subscribed web server; its subscription's ARN."""

    def make(**attributes):
        arn = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url, Attributes=attributes, ReturnSubscriptionArn=True)
        world.settle()
        token = json.loads(subscriber.posts.pop()[1])["Token"]
        assert sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"] == arn["SubscriptionArn"]
        return arn["SubscriptionArn"]

    return make


def test_a_web_server_is_asked_to_confirm(world, sns, topic, subscriber):
    answer = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    assert answer["SubscriptionArn"] == "pending confirmation"
    sns.publish(TopicArn=topic, Message="too early")
    world.settle()
    ((headers, body),) = subscriber.posts
    assert headers["x-amz-sns-message-type"] == "SubscriptionConfirmation" and headers["content-type"] == "text/plain; charset=UTF-8"
    assert sns.list_subscriptions()["Subscriptions"][0]["SubscriptionArn"] == "PendingConfirmation"
    status, text = fetch(here(world, json.loads(body)["SubscribeURL"]))
    assert status == 200 and "<SubscriptionArn>" in text
    sns.publish(TopicArn=topic, Message="now", Subject="s")
    world.settle()
    headers, body = subscriber.posts[1]
    assert headers["x-amz-sns-message-type"] == "Notification" and json.loads(body)["Message"] == "now"
    assert headers["x-amz-sns-subscription-arn"].startswith(topic + ":")


def test_a_token_nobody_gave_is_refused(sns, topic, aws_error):
    with aws_error("InvalidParameter", "Token"):
        sns.confirm_subscription(TopicArn=topic, Token="x")


def test_a_token_lasts_three_days(world, sns, topic, subscriber, aws_error):
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    world.settle()
    world.clock.advance(days=4)
    with aws_error("InvalidParameter", "Token"):
        sns.confirm_subscription(TopicArn=topic, Token=json.loads(subscriber.posts[0][1])["Token"])


def test_raw_delivery_to_a_web_server(world, sns, topic, subscriber, confirmed):
    confirmed(RawMessageDelivery="true")
    sns.publish(TopicArn=topic, Message="plain")
    world.settle()
    headers, body = subscriber.posts[0]
    assert body == "plain" and headers["x-amz-sns-rawdelivery"] == "true"


def test_a_failed_delivery_is_tried_again_by_the_worlds_clock(world, sns, topic, subscriber, confirmed):
    confirmed()
    subscriber.answers = [500, 503, 200]
    sns.publish(TopicArn=topic, Message="x")
    world.settle()
    assert len(subscriber.posts) == 1
    world.clock.advance(seconds=19)
    assert len(subscriber.posts) == 1
    world.clock.advance(seconds=2)
    assert len(subscriber.posts) == 2
    world.clock.advance(minutes=10)
    assert len(subscriber.posts) == 3


def test_a_delivery_policy_says_how_often_and_where_it_ends(world, sns, topic, subscriber, confirmed, open_queue, received):
    dead_url, dead = open_queue("dead")
    policy = {"healthyRetryPolicy": {"numRetries": 5, "numNoDelayRetries": 2, "minDelayTarget": 10, "maxDelayTarget": 30}}
    confirmed(DeliveryPolicy=json.dumps(policy), RedrivePolicy=json.dumps({"deadLetterTargetArn": dead}), RawMessageDelivery="true")
    subscriber.answers = [500]
    sns.publish(TopicArn=topic, Message="lost")
    world.clock.advance(seconds=1)
    assert len(subscriber.posts) == 3
    world.clock.advance(seconds=200)
    assert len(subscriber.posts) == 6
    (message,) = received(dead_url)
    assert message["Body"] == "lost" and message["MessageAttributes"]["ErrorCode"]["StringValue"] == "500"


def test_a_client_error_is_final(world, sns, topic, subscriber, confirmed):
    confirmed()
    subscriber.answers = [403]
    sns.publish(TopicArn=topic, Message="x")
    world.clock.advance(minutes=10)
    assert len(subscriber.posts) == 1


def test_a_server_that_is_not_there_is_tried_again(world, sns, topic, subscriber, confirmed):
    confirmed()
    subscriber.server.server_close()
    sns.publish(TopicArn=topic, Message="x")
    world.settle()
    world.clock.advance(minutes=10)
    assert subscriber.posts == []


def test_the_link_in_a_message_ends_the_subscription(world, sns, topic, subscriber, confirmed):
    confirmed()
    sns.publish(TopicArn=topic, Message="x")
    world.settle()
    status, _ = fetch(here(world, json.loads(subscriber.posts[0][1])["UnsubscribeURL"]))
    world.settle()
    assert status == 200 and sns.list_subscriptions()["Subscriptions"] == []
    assert subscriber.posts[1][0]["x-amz-sns-message-type"] == "UnsubscribeConfirmation"
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsDeleted"] == "1"


def test_a_guarded_subscription_is_not_ended_by_a_link(world, sns, topic, subscriber):
    arn = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url, ReturnSubscriptionArn=True)["SubscriptionArn"]
    world.settle()
    token = json.loads(subscriber.posts[0][1])["Token"]
    sns.confirm_subscription(TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")
    status, _ = fetch(f"{world.endpoint}/?Action=Unsubscribe&SubscriptionArn={arn}&Version=2010-03-31")
    assert status == 403 and len(sns.list_subscriptions()["Subscriptions"]) == 1
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.list_subscriptions()["Subscriptions"] == []


def test_subscribing_again_gives_the_same_subscription(sns, topic, open_queue, aws_error):
    _, queue = open_queue("q")
    first = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    assert sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"] == first["SubscriptionArn"]
    with aws_error("InvalidParameter", "different attributes"):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})


@pytest.mark.parametrize(
    ("protocol", "endpoint"),
    [
        ("http", "https://x"),
        ("https", "nonsense"),
        ("email", "nobody"),
        ("sms", "nobody"),
        ("sqs", "http://queue"),
        ("sqs", "arn:aws:sqs:us-east-1:000000000000:q.fifo"),
        ("lambda", "arn:aws:sqs:us-east-1:000000000000:q"),
        ("pigeon", "x"),
    ],
)
def test_a_bad_endpoint_is_refused(sns, topic, aws_error, protocol, endpoint):
    with aws_error("InvalidParameter"):
        sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)


def test_attributes_can_be_set_shown_and_removed(sns, topic, open_queue):
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=open_queue("q")[1])["SubscriptionArn"]
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue='{"a": ["b"]}')
    found = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert found["FilterPolicy"] == '{"a": ["b"]}' and found["FilterPolicyScope"] == "MessageAttributes"
    assert found["PendingConfirmation"] == "false" and found["RawMessageDelivery"] == "false"
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue="{}")
    assert "FilterPolicy" not in sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("RawMessageDelivery", "maybe", "InvalidParameter"),
        ("FilterPolicy", "{", "InvalidParameter"),
        ("FilterPolicyScope", "Everything", "InvalidParameter"),
        ("RedrivePolicy", "{}", "InvalidParameter"),
        ("DeliveryPolicy", "{}", "InvalidParameter"),
        ("Nonsense", "x", "InvalidParameter"),
        ("ReplayPolicy", "[]", "InvalidParameter"),
    ],
)
def test_a_bad_subscription_attribute_is_refused(sns, topic, open_queue, aws_error, name, value, code):
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=open_queue("q")[1])["SubscriptionArn"]
    with aws_error(code):
        sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName=name, AttributeValue=value)


def test_raw_delivery_is_not_for_every_protocol(sns, topic, aws_error):
    with aws_error("InvalidParameter", "raw message delivery"):
        sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint="+15550100", Attributes={"RawMessageDelivery": "true"})


def test_another_accounts_queue_has_to_confirm(world, sns, topic, aws_error):
    other = world.client("sqs", aws_access_key_id="111111111111", aws_secret_access_key="x")
    arn = "arn:aws:sqs:us-east-1:111111111111:theirs"
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url = other.create_queue(QueueName="theirs", Attributes={"Policy": policy})["QueueUrl"]
    assert sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"] == "pending confirmation"
    body = json.loads(other.receive_message(QueueUrl=url)["Messages"][0]["Body"])
    sns.confirm_subscription(TopicArn=topic, Token=body["Token"])
    sns.publish(TopicArn=topic, Message="hello")
    assert json.loads(other.receive_message(QueueUrl=url)["Messages"][0]["Body"])["Message"] == "hello"


def test_mail_and_text_messages_can_be_looked_at(world, sns, topic):
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ann@example.com")
    sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint="+15550100")
    outbox = f"{world.endpoint}/_aws/sns"
    (mail,) = json.loads(fetch(f"{outbox}/email-messages")[1])["email_messages"]["ann@example.com"]
    link = next(line for line in mail["Message"].splitlines() if "Action=ConfirmSubscription" in line)
    assert fetch(here(world, link))[0] == 200
    sns.publish(TopicArn=topic, Message="hello", Subject="Hi")
    sns.publish(PhoneNumber="+15550199", Message="direct")
    mails = json.loads(fetch(f"{outbox}/email-messages?emailAddress=ann@example.com")[1])["email_messages"]["ann@example.com"]
    assert (mails[-1]["Subject"], mails[-1]["Message"]) == ("Hi", "hello")
    texts = json.loads(fetch(f"{outbox}/sms-messages")[1])["sms_messages"]
    assert [each["Message"] for each in texts["+15550100"]] == ["hello"] and texts["+15550199"][0]["Message"] == "direct"
    assert fetch(f"{outbox}/sms-messages?phoneNumber=%2B15550199", "DELETE")[0] == 204
    assert list(json.loads(fetch(f"{outbox}/sms-messages")[1])["sms_messages"]) == ["+15550100"]


def test_what_would_be_pushed_can_be_looked_at(world, sns, topic):
    app = sns.create_platform_application(Name="app", Platform="GCM", Attributes={"PlatformCredential": "x"})["PlatformApplicationArn"]
    device = sns.create_platform_endpoint(PlatformApplicationArn=app, Token="t")["EndpointArn"]
    sns.subscribe(TopicArn=topic, Protocol="application", Endpoint=device)
    sns.publish(TopicArn=topic, Message=json.dumps({"default": "d", "GCM": "for Android"}), MessageStructure="json")
    sns.publish(TargetArn=device, Message="direct")
    found = json.loads(fetch(f"{world.endpoint}/_aws/sns/platform-endpoint-messages")[1])["platform_endpoint_messages"][device]
    assert [each["Message"] for each in found] == ["for Android", "direct"]


def test_a_token_can_be_looked_up(world, sns, topic):
    arn = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ann@example.com", ReturnSubscriptionArn=True)["SubscriptionArn"]
    token = json.loads(fetch(f"{world.endpoint}/_aws/sns/subscription-tokens/{arn}")[1])["subscription_token"]
    assert sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"] == arn
    assert fetch(f"{world.endpoint}/_aws/sns/subscription-tokens/{arn}x")[0] == 404


def test_subscriptions_are_listed_by_topic_and_by_owner(sns, topic, open_queue):
    other = sns.create_topic(Name="other")["TopicArn"]
    for arn in (topic, other):
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=open_queue(f"q{len(arn)}")[1])
    assert len(sns.list_subscriptions()["Subscriptions"]) == 2
    (found,) = sns.list_subscriptions_by_topic(TopicArn=other)["Subscriptions"]
    assert found["TopicArn"] == other and found["Protocol"] == "sqs"


def test_a_throttle_policy_spreads_deliveries_over_time(world, sns, topic, subscriber, confirmed):
    world.clock.freeze()
    confirmed(DeliveryPolicy=json.dumps({"throttlePolicy": {"maxReceivesPerSecond": 2}}))
    for number in range(5):
        sns.publish(TopicArn=topic, Message=str(number))
    arrived = []
    for _ in range(3):
        world.clock.advance(seconds=0.4)
        arrived.append(len(subscriber.posts))
        world.clock.advance(seconds=0.6)
    assert arrived == [1, 3, 5]


def test_a_topic_may_throttle_all_its_subscriptions(sns, topic, confirmed):
    policy = {"http": {"defaultThrottlePolicy": {"maxReceivesPerSecond": 1}}}
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(policy))
    found = sns.get_subscription_attributes(SubscriptionArn=confirmed())["Attributes"]
    assert json.loads(found["EffectiveDeliveryPolicy"])["throttlePolicy"] == {"maxReceivesPerSecond": 1}


@pytest.mark.parametrize("rate", [0, "1", 1.5])
def test_a_bad_throttle_policy_is_refused(sns, topic, aws_error, rate):
    policy = {"http": {"defaultThrottlePolicy": {"maxReceivesPerSecond": rate}}}
    with aws_error("InvalidParameter", "throttlePolicy"):
        sns.set_topic_attributes(TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(policy))


def test_a_stuck_server_takes_few_connections_and_nobodys_turn(world, sns, topic, subscriber, confirmed, monkeypatch):
    monkeypatch.setattr(http_client, "MOST_TO_ONE", 2)
    confirmed()
    with socket.create_server(("127.0.0.1", 0), backlog=16) as stuck:
        url = f"http://127.0.0.1:{stuck.getsockname()[1]}/"
        for path in "abcd":
            # Each asks for its confirmation, and gets no answer.
            sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url + path)
        held = [stuck.accept()[0] for _ in range(2)]
        sns.publish(TopicArn=topic, Message="x")
        while not subscriber.posts:
            threading.Event().wait(0.002)
        stuck.setblocking(False)
        with pytest.raises(BlockingIOError):
            stuck.accept()
        for connection in held:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        stuck.setblocking(True)
        held += [stuck.accept()[0] for _ in range(2)]
        for connection in held:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            connection.close()
        world.settle()


def test_a_topic_has_so_many_filter_policies(sns, topic, aws_error, monkeypatch):
    monkeypatch.setattr(subscription_attributes, "MOST_FILTER_POLICIES", 1)
    sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint="+15550100", Attributes={"FilterPolicy": '{"k": ["v"]}'})
    with aws_error("FilterPolicyLimitExceeded"):
        sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint="+15550101", Attributes={"FilterPolicy": '{"k": ["v"]}'})
