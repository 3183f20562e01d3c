"""Exports to S3, and imports from it."""

from __future__ import annotations

import gzip
import json

import pytest
from dynamodb_shapes import keys

DEFINITIONS = [{"AttributeName": "id", "AttributeType": "S"}]


@pytest.fixture
def s3(world):
    client = world.client("s3")
    client.create_bucket(Bucket="transfer")
    return client


def read(s3, key):
    return s3.get_object(Bucket="transfer", Key=key)["Body"].read()


def test_an_export_is_imported_again(world, dynamodb, simple, s3):
    items = [{"id": {"S": name}, "b": {"B": name.encode()}, "l": {"L": [{"N": "1"}, {"BS": [b"x"]}]}} for name in "abc"]
    for item in items:
        dynamodb.put_item(TableName=simple, Item=item)
    arn = dynamodb.describe_table(TableName=simple)["Table"]["TableArn"]
    dynamodb.update_continuous_backups(TableName=simple, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    started = dynamodb.export_table_to_point_in_time(TableArn=arn, S3Bucket="transfer", S3Prefix="out")["ExportDescription"]
    assert started["ExportStatus"] == "IN_PROGRESS"
    world.settle()
    done = dynamodb.describe_export(ExportArn=started["ExportArn"])["ExportDescription"]
    assert (done["ExportStatus"], done["ItemCount"]) == ("COMPLETED", 3)
    summary = json.loads(read(s3, done["ExportManifest"]))
    assert (summary["itemCount"], summary["tableArn"]) == (3, arn)
    (file,) = [json.loads(line) for line in read(s3, summary["manifestFilesS3Key"]).splitlines()]
    lines = gzip.decompress(read(s3, file["dataFileS3Key"])).splitlines()
    assert json.loads(lines[0])["Item"].keys() == {"id", "b", "l"}

    job = dynamodb.import_table(
        S3BucketSource={"S3Bucket": "transfer", "S3KeyPrefix": file["dataFileS3Key"].rpartition("/")[0]},
        InputFormat="DYNAMODB_JSON",
        InputCompressionType="GZIP",
        TableCreationParameters={
            "TableName": "again",
            "KeySchema": keys("id"),
            "AttributeDefinitions": DEFINITIONS,
            "BillingMode": "PAY_PER_REQUEST",
        },
    )["ImportTableDescription"]
    world.settle()
    assert dynamodb.describe_import(ImportArn=job["ImportArn"])["ImportTableDescription"]["ImportedItemCount"] == 3
    found = dynamodb.scan(TableName="again")["Items"]
    assert sorted(found, key=lambda item: item["id"]["S"]) == items


EVERYTHING = {
    "id": {"S": 'a "b" \\ é\n'},
    "n": {"N": "-1.5"},
    "whole": {"N": "100000000000000000000000000000000000000"},
    "b": {"B": b"\x00\xff"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "unknown": {"S": ""},
    "it's odd": {"M": {"null": {"L": [{"N": "0"}, {"M": {}}, {"L": []}]}}},
    "ss": {"SS": ["x", "y"]},
    "ns": {"NS": ["1", "2.5"]},
    "bs": {"BS": [b"x"]},
}


def test_an_export_in_ion_is_imported_again(world, dynamodb, simple, s3):
    dynamodb.put_item(TableName=simple, Item=EVERYTHING)
    arn = dynamodb.describe_table(TableName=simple)["Table"]["TableArn"]
    dynamodb.update_continuous_backups(TableName=simple, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    export = dynamodb.export_table_to_point_in_time(TableArn=arn, S3Bucket="transfer", ExportFormat="ION")["ExportDescription"]
    world.settle()
    assert dynamodb.describe_export(ExportArn=export["ExportArn"])["ExportDescription"]["ExportFormat"] == "ION"
    (key,) = [found["Key"] for found in s3.list_objects_v2(Bucket="transfer")["Contents"] if found["Key"].endswith(".ion.gz")]
    line = gzip.decompress(read(s3, key)).decode()
    assert line.startswith("$ion_1_0 {Item:{") and "ss:$dynamodb_SS::[" in line and "'it\\'s odd':{'null':[0.,{},[]]}" in line
    job = imported(dynamodb, key, "GZIP")
    world.settle()
    assert dynamodb.describe_import(ImportArn=job)["ImportTableDescription"]["ImportedItemCount"] == 1
    assert dynamodb.scan(TableName="again")["Items"] == [EVERYTHING]


def imported(dynamodb, key, compression):
    """Imports a file in Ion into a table `again`; the import's ARN."""
    return dynamodb.import_table(
        S3BucketSource={"S3Bucket": "transfer", "S3KeyPrefix": key},
        InputFormat="ION",
        InputCompressionType=compression,
        TableCreationParameters={
            "TableName": "again",
            "KeySchema": keys("id"),
            "AttributeDefinitions": DEFINITIONS,
            "BillingMode": "PAY_PER_REQUEST",
        },
    )["ImportTableDescription"]["ImportArn"]


def test_ion_is_read_as_people_write_it_and_what_is_no_item_is_counted(world, dynamodb, s3):
    text = """
    $ion_1_0 // a comment
    {Item: {id: "a", n: 12d-1, /* more */ t: '''two ''' '''parts\\u0021''', "any x": null.string,}}
    {Item: {id: "b", when: a_symbol}} {Item: {id: "c", when: 2020-01-01T}} {Item: {id: "d", when: 2020-01-01T10:00:00.5Z}} {id: "e"}
    """
    s3.put_object(Bucket="transfer", Key="in.ion", Body=text)
    job = imported(dynamodb, "in.ion", "NONE")
    world.settle()
    told = dynamodb.describe_import(ImportArn=job)["ImportTableDescription"]
    assert (told["ImportedItemCount"], told["ErrorCount"]) == (1, 4)
    assert dynamodb.scan(TableName="again")["Items"] == [
        {"id": {"S": "a"}, "n": {"N": "1.2"}, "t": {"S": "two parts!"}, "any x": {"NULL": True}}
    ]


def test_an_incremental_export_tells_what_changed_in_a_period(world, dynamodb, simple, s3, aws_error):
    arn = dynamodb.describe_table(TableName=simple)["Table"]["TableArn"]
    dynamodb.update_continuous_backups(TableName=simple, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})

    def put(name, text):
        dynamodb.put_item(TableName=simple, Item={"id": {"S": name}, "v": {"S": text}})
        world.clock.advance(minutes=1)

    put("kept", "before")
    put("changed", "before")
    put("gone", "before")
    since = world.clock.now()
    put("changed", "between")
    put("changed", "after")
    put("new", "b")
    dynamodb.delete_item(TableName=simple, Key={"id": {"S": "gone"}})
    put("brief", "b")
    dynamodb.delete_item(TableName=simple, Key={"id": {"S": "brief"}})
    world.clock.advance(minutes=20)
    until = world.clock.now()
    put("changed", "later")
    put("later", "l")

    def export(**period):
        return dynamodb.export_table_to_point_in_time(
            TableArn=arn, S3Bucket="transfer", ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=period
        )["ExportDescription"]

    with aws_error("ValidationException", "less than 15 minutes"):
        export(ExportFromTime=since, ExportToTime=since)
    started = export(ExportFromTime=since, ExportToTime=until, ExportViewType="NEW_AND_OLD_IMAGES")
    world.settle()
    done = dynamodb.describe_export(ExportArn=started["ExportArn"])["ExportDescription"]
    assert (done["ExportStatus"], done["ExportType"], done["ItemCount"]) == ("COMPLETED", "INCREMENTAL_EXPORT", 3)
    summary = json.loads(read(s3, done["ExportManifest"]))
    assert (summary["exportType"], summary["outputView"]) == ("INCREMENTAL_EXPORT", "NEW_AND_OLD_IMAGES")
    (file,) = [json.loads(line) for line in read(s3, summary["manifestFilesS3Key"]).splitlines()]
    assert file["dataFileS3Key"].startswith("AWSDynamoDB/data/")
    lines = [json.loads(line) for line in gzip.decompress(read(s3, file["dataFileS3Key"])).splitlines()]
    images = {line["Keys"]["id"]["S"]: [line.get(image, {}).get("v", {}).get("S") for image in ("OldImage", "NewImage")] for line in lines}
    assert images == {"changed": ["before", "after"], "new": [None, "b"], "gone": ["before", None]}
    assert all(line["Metadata"]["WriteTimestampMicros"]["N"].isdigit() for line in lines)


def test_csv_files_are_imported_and_bad_lines_counted(world, dynamodb, s3):
    s3.put_object(Bucket="transfer", Key="in/1.csv", Body=b"id,n,text\na,1,hello\nb,x,bad number\nc,3,\n,4,no key\n")
    job = dynamodb.import_table(
        S3BucketSource={"S3Bucket": "transfer", "S3KeyPrefix": "in/"},
        InputFormat="CSV",
        TableCreationParameters={
            "TableName": "lines",
            "KeySchema": keys("id", "n"),
            "AttributeDefinitions": [*DEFINITIONS, {"AttributeName": "n", "AttributeType": "N"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )["ImportTableDescription"]
    world.settle()
    done = dynamodb.describe_import(ImportArn=job["ImportArn"])["ImportTableDescription"]
    assert (done["ImportStatus"], done["ProcessedItemCount"], done["ImportedItemCount"], done["ErrorCount"]) == ("COMPLETED", 4, 2, 2)
    assert dynamodb.get_item(TableName="lines", Key={"id": {"S": "a"}, "n": {"N": "1"}})["Item"]["text"] == {"S": "hello"}


def test_an_export_to_a_bucket_that_is_not_there_fails(world, dynamodb, simple):
    arn = dynamodb.describe_table(TableName=simple)["Table"]["TableArn"]
    dynamodb.update_continuous_backups(TableName=simple, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    export = dynamodb.export_table_to_point_in_time(TableArn=arn, S3Bucket="nowhere")["ExportDescription"]["ExportArn"]
    world.settle()
    done = dynamodb.describe_export(ExportArn=export)["ExportDescription"]
    assert (done["ExportStatus"], done["FailureCode"]) == ("FAILED", "NoSuchBucket")
