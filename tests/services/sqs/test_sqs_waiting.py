"""Long polls, over real sockets, with clients of their own."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config


@pytest.fixture
def remote(world):
    """Makes clients that talk to the world over a socket."""

    def client():
        return boto3.client(
            "sqs",
            endpoint_url=world.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    return client


@pytest.fixture
def crew():
    with ThreadPoolExecutor(8) as pool:
        yield pool


def when_waiting(world, count):
    """Returns once so many requests wait."""
    while world.local.do(lambda: world._world().waits.requests) < count:
        threading.Event().wait(0.002)


def poll(client, url, **more):
    return [each["Body"] for each in client.receive_message(QueueUrl=url, WaitTimeSeconds=20, **more).get("Messages", [])]


def test_a_long_poll_wakes_when_a_message_is_sent(world, remote, crew, make, sqs):
    url = make("orders")
    waiting = crew.submit(poll, remote(), url)
    when_waiting(world, 1)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert waiting.result(5) == ["x"]


def test_each_of_many_pollers_gets_one(world, remote, crew, make, sqs):
    url = make("orders")
    waiting = [crew.submit(poll, remote(), url) for _ in range(4)]
    when_waiting(world, 4)
    for body in "abcd":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    assert sorted(each.result(5)[0] for each in waiting) == ["a", "b", "c", "d"]


def test_a_long_poll_wakes_when_a_delay_ends(world, remote, crew, make, sqs):
    url = make("orders")
    sqs.send_message(QueueUrl=url, MessageBody="before", DelaySeconds=600)
    waiting = crew.submit(poll, remote(), url)
    when_waiting(world, 1)
    sqs.send_message(QueueUrl=url, MessageBody="meanwhile", DelaySeconds=10)
    world.clock.advance(seconds=11)
    assert waiting.result(5) == ["meanwhile"]


def test_a_long_poll_wakes_when_a_timeout_ends(world, remote, crew, make, sqs, bodies):
    url = make("orders", VisibilityTimeout="10")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert bodies(url) == ["x"]
    waiting = crew.submit(poll, remote(), url)
    when_waiting(world, 1)
    world.clock.advance(seconds=11)
    assert waiting.result(5) == ["x"]


def test_a_long_poll_wakes_when_a_group_opens(world, remote, crew, make, sqs, receive):
    url = make("o.fifo", ContentBasedDeduplication="true")
    for body in "ab":
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    first = receive(url, 1)[0]
    waiting = crew.submit(poll, remote(), url)
    when_waiting(world, 1)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert waiting.result(5) == ["b"]


def test_a_long_poll_ends_by_the_worlds_clock(world, remote, crew, make):
    url = make("orders")
    waiting = crew.submit(poll, remote(), url)
    when_waiting(world, 1)
    world.clock.advance(seconds=21)
    assert waiting.result(5) == []


def test_a_long_poll_ends_by_a_fast_clock(world, remote, crew, make):
    url = make("orders")
    waiting = crew.submit(poll, remote(), url)
    when_waiting(world, 1)
    world.clock.rate(1000)
    assert waiting.result(5) == []


def test_time_jumps_to_a_delays_end_while_only_polls_wait(world, remote, crew, make, sqs):
    url = make("orders")
    sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=900)
    waiting = crew.submit(poll, remote(), url)
    when_waiting(world, 1)
    world.clock.autojump()
    assert waiting.result(5) == ["x"]


def test_time_does_not_jump_to_the_end_of_an_idle_poll(world, remote, crew, make, sqs):
    url = make("orders")
    world.clock.freeze()
    world.clock.autojump()
    before = world.clock.now()
    waiting = crew.submit(poll, remote(), url)
    when_waiting(world, 1)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert waiting.result(5) == ["x"]
    assert world.clock.now() == before


def test_a_world_that_is_reset_ends_its_polls(world, remote, crew, make):
    url = make("orders")
    waiting = crew.submit(poll, remote(), url)
    when_waiting(world, 1)
    world.local.run(world.local.jar.worlds.reset(world.name))
    assert waiting.result(5) == []


def test_the_queues_own_waiting_time_counts(world, remote, crew, make, sqs):
    url = make("orders", ReceiveMessageWaitTimeSeconds="20")
    waiting = crew.submit(lambda: remote().receive_message(QueueUrl=url))
    when_waiting(world, 1)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert waiting.result(5)["Messages"][0]["Body"] == "x"


def test_a_queue_deleted_meanwhile_ends_the_poll(world, remote, crew, make, sqs, aws_error):
    url = make("orders")
    waiting = crew.submit(poll, remote(), url)
    when_waiting(world, 1)
    sqs.delete_queue(QueueUrl=url)
    with aws_error("AWS.SimpleQueueService.NonExistentQueue"):
        waiting.result(5)


def test_stuck_consumers_keep_nobody_waiting(world, remote, crew, make, sqs, bodies):
    stuck, busy = make("stuck"), make("busy")
    waiting = [crew.submit(poll, remote(), stuck) for _ in range(8)]
    when_waiting(world, 8)
    for number in range(20):
        sqs.send_message(QueueUrl=busy, MessageBody=str(number))
    assert len(bodies(busy)) == 10
    world.clock.advance(seconds=21)
    assert all(each.result(5) == [] for each in waiting)


def test_dead_letters_wake_those_who_wait_for_them(world, remote, crew, make, sqs, arn_of, bodies):
    dead = make("dead")
    policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 1})
    url = make("orders", RedrivePolicy=policy, VisibilityTimeout="0")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    bodies(url)
    waiting = crew.submit(poll, remote(), dead)
    when_waiting(world, 1)
    bodies(url)
    assert waiting.result(5) == ["x"]
