"""What is set of tables beside their keys: Contributor Insights, destinations, replicas' settings, throughput, encryption."""

from __future__ import annotations

import pytest


def test_contributor_insights_come_and_go(world, dynamodb, table, aws_error):
    assert dynamodb.describe_contributor_insights(TableName=table)["ContributorInsightsStatus"] == "DISABLED"
    answer = dynamodb.update_contributor_insights(TableName=table, ContributorInsightsAction="ENABLE")
    assert (answer["ContributorInsightsStatus"], answer["ContributorInsightsMode"]) == ("ENABLING", "ACCESSED_AND_THROTTLED_KEYS")
    world.settle()
    world.clock.advance(seconds=1)
    described = dynamodb.describe_contributor_insights(TableName=table)
    assert described["ContributorInsightsStatus"] == "ENABLED"
    rules = [rule.split("-")[1] for rule in described["ContributorInsightsRuleList"]]
    assert rules == ["PKC", "PKT", "SKC", "SKT"]
    dynamodb.update_contributor_insights(TableName=table, IndexName="by-kind", ContributorInsightsAction="ENABLE")
    listed = dynamodb.list_contributor_insights(TableName=table, MaxResults=1)
    assert [one.get("IndexName") for one in listed["ContributorInsightsSummaries"]] == [None]
    rest = dynamodb.list_contributor_insights(TableName=table, NextToken=listed["NextToken"])
    assert [one["IndexName"] for one in rest["ContributorInsightsSummaries"]] == ["by-kind"]
    with aws_error("ResourceNotFoundException", "Index: nowhere not found"):
        dynamodb.update_contributor_insights(TableName=table, IndexName="nowhere", ContributorInsightsAction="ENABLE")
    dynamodb.update_contributor_insights(TableName=table, ContributorInsightsAction="DISABLE")
    world.clock.advance(seconds=1)
    assert dynamodb.describe_contributor_insights(TableName=table)["ContributorInsightsStatus"] == "DISABLED"


@pytest.mark.parametrize("verb", ["enable", "disable", "update"])
def test_no_table_streams_to_a_kinesis_stream_that_is_not_there(dynamodb, simple, verb, aws_error):
    change = getattr(dynamodb, f"{verb}_kinesis_streaming_destination")
    with aws_error("ResourceNotFoundException", "Kinesis data stream"):
        change(TableName=simple, StreamArn="arn:aws:kinesis:us-east-1:000000000000:stream/nowhere")
    with aws_error("ResourceNotFoundException", "Table: absent not found"):
        change(TableName="absent", StreamArn="arn:aws:kinesis:us-east-1:000000000000:stream/nowhere")
    assert dynamodb.describe_kinesis_streaming_destination(TableName=simple)["KinesisDataStreamDestinations"] == []
