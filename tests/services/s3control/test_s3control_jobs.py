"""Batch jobs: objects changed in bulk, as a role."""

from __future__ import annotations

import csv
import io
import json
import uuid
import zipfile

import pytest

ACCOUNT = "000000000000"


@pytest.fixture
def role(world):
    """The ARN of a role that Batch Operations may assume and that may do everything with S3 and functions."""
    iam = world.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "batchoperations.s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="batch", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    allow(iam, ["s3:*", "lambda:InvokeFunction"])
    return f"arn:aws:iam::{ACCOUNT}:role/batch"


def allow(iam, actions):
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam.put_role_policy(RoleName="batch", PolicyName="own", PolicyDocument=json.dumps(policy))


@pytest.fixture
def full(s3, bucket):
    """A bucket of three objects, one of them with an odd key."""
    for key in ("a", "b c", "cats/tom"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    return bucket


@pytest.fixture
def manifest(s3, full):
    """A list of the three and of one that is not there."""
    s3.create_bucket(Bucket="jobs")
    lines = f"{full},a\n{full},b%20c\n{full},cats/tom\n{full},absent\n"
    etag = s3.put_object(Bucket="jobs", Key="list.csv", Body=lines.encode())["ETag"]
    return {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
        "Location": {"ObjectArn": "arn:aws:s3:::jobs/list.csv", "ETag": etag},
    }


@pytest.fixture
def start(control, role):
    def start(operation, **more):
        given = {"Report": {"Enabled": False}, "Priority": 1, "ClientRequestToken": str(uuid.uuid4()), **more}
        return control.create_job(AccountId=ACCOUNT, RoleArn=role, Operation=operation, **given)["JobId"]

    return start


@pytest.fixture
def ended(world, control):
    def ended(job):
        world.settle()
        return control.describe_job(AccountId=ACCOUNT, JobId=job)["Job"]

    return ended


REPORT = {"Enabled": True, "Bucket": "arn:aws:s3:::jobs", "Format": "Report_CSV_20180820", "ReportScope": "AllTasks", "Prefix": "reports"}
TAGS = {"S3PutObjectTagging": {"TagSet": [{"Key": "team", "Value": "a"}]}}


def test_a_job_tags_what_is_listed_and_reports_what_failed(s3, full, manifest, start, ended):
    job = ended(start(TAGS, Manifest=manifest, Report=REPORT, Description="tagging"))
    assert (job["Status"], job["Description"]) == ("Complete", "tagging")
    summary = job["ProgressSummary"]
    assert (summary["TotalNumberOfTasks"], summary["NumberOfTasksSucceeded"], summary["NumberOfTasksFailed"]) == (4, 3, 1)
    assert s3.get_object_tagging(Bucket=full, Key="b c")["TagSet"] == [{"Key": "team", "Value": "a"}]
    report = json.loads(s3.get_object(Bucket="jobs", Key=f"reports/job-{job['JobId']}/manifest.json")["Body"].read())
    assert report["ReportSchema"] == "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"
    found = {
        result["TaskExecutionStatus"]: list(
            csv.reader(io.StringIO(s3.get_object(Bucket="jobs", Key=result["Key"])["Body"].read().decode()))
        )
        for result in report["Results"]
    }
    assert [row[:4] for row in found["succeeded"]] == [[full, key, "", "succeeded"] for key in ("a", "b%20c", "cats/tom")]
    assert found["failed"] == [[full, "absent", "", "failed", "404", "NoSuchKey", "The specified key does not exist."]]


def test_a_job_copies(s3, full, manifest, start, ended):
    s3.create_bucket(Bucket="copies")
    about = {
        "TargetResource": "arn:aws:s3:::copies",
        "TargetKeyPrefix": "old",
        "StorageClass": "STANDARD_IA",
        "NewObjectMetadata": {"ContentType": "text/plain", "UserMetadata": {"by": "batch"}},
        "NewObjectTagging": [{"Key": "k", "Value": "v w"}],
    }
    assert ended(start({"S3PutObjectCopy": about}, Manifest=manifest))["ProgressSummary"]["NumberOfTasksSucceeded"] == 3
    copy = s3.head_object(Bucket="copies", Key="old/b c")
    assert (copy["StorageClass"], copy["ContentType"], copy["Metadata"]) == ("STANDARD_IA", "text/plain", {"by": "batch"})
    assert s3.get_object_tagging(Bucket="copies", Key="old/a")["TagSet"] == [{"Key": "k", "Value": "v w"}]


def test_other_operations(s3, full, manifest, start, ended):
    s3.put_object_tagging(Bucket=full, Key="a", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    ended(start({"S3DeleteObjectTagging": {}}, Manifest=manifest))
    assert s3.get_object_tagging(Bucket=full, Key="a")["TagSet"] == []
    s3.put_object(Bucket=full, Key="a", Body=b"x", StorageClass="GLACIER")
    ended(start({"S3InitiateRestoreObject": {"ExpirationInDays": 1, "GlacierJobTier": "BULK"}}, Manifest=manifest))
    assert s3.head_object(Bucket=full, Key="a")["Restore"] == 'ongoing-request="true"'
    s3.put_bucket_ownership_controls(Bucket=full, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.delete_public_access_block(Bucket=full)
    acl = {"S3PutObjectAcl": {"AccessControlPolicy": {"CannedAccessControlList": "public-read"}}}
    assert ended(start(acl, Manifest=manifest))["ProgressSummary"]["NumberOfTasksSucceeded"] == 3
    assert len(s3.get_object_acl(Bucket=full, Key="b c")["Grants"]) == 2


def test_locks_in_bulk(s3, control, role, start, ended):
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    version = s3.put_object(Bucket="locked", Key="k", Body=b"x")["VersionId"]
    etag = s3.put_object(Bucket="locked", Key="list.csv", Body=f"locked,k,{version}\n".encode())["ETag"]
    manifest = {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key", "VersionId"]},
        "Location": {"ObjectArn": "arn:aws:s3:::locked/list.csv", "ETag": etag},
    }
    ended(start({"S3PutObjectLegalHold": {"LegalHold": {"Status": "ON"}}}, Manifest=manifest))
    assert s3.get_object_legal_hold(Bucket="locked", Key="k")["LegalHold"]["Status"] == "ON"
    until = s3.head_object(Bucket="locked", Key="k")["LastModified"].replace(year=2099)
    ended(start({"S3PutObjectRetention": {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": until}}}, Manifest=manifest))
    assert s3.get_object_retention(Bucket="locked", Key="k")["Retention"]["Mode"] == "GOVERNANCE"


def test_the_role_is_judged(world, s3, full, manifest, start, ended):
    allow(world.client("iam"), ["s3:GetObject"])
    job = ended(start(TAGS, Manifest=manifest))
    assert (job["Status"], job["ProgressSummary"]["NumberOfTasksFailed"]) == ("Complete", 4)
    allow(world.client("iam"), ["s3:PutObjectTagging"])
    job = ended(start(TAGS, Manifest=manifest))
    assert job["Status"] == "Failed" and "AccessDenied" in job["FailureReasons"][0]["FailureReason"]


def test_a_list_is_made_of_a_bucket(s3, full, manifest, start, ended):
    generator = {
        "SourceBucket": f"arn:aws:s3:::{full}",
        "EnableManifestOutput": True,
        "ManifestOutputLocation": {
            "Bucket": "arn:aws:s3:::jobs",
            "ManifestPrefix": "made",
            "ManifestFormat": "S3InventoryReport_CSV_20211130",
        },
        "Filter": {"KeyNameConstraint": {"MatchAnyPrefix": ["b", "cats/"]}, "ObjectSizeGreaterThanBytes": 0},
    }
    job = ended(start(TAGS, ManifestGenerator={"S3JobManifestGenerator": generator}))
    assert (job["Status"], job["ProgressSummary"]["NumberOfTasksSucceeded"]) == ("Complete", 2)
    assert s3.get_object_tagging(Bucket=full, Key="a")["TagSet"] == []
    where = job["GeneratedManifestDescriptor"]["Location"]
    made = s3.get_object(Bucket="jobs", Key=where["ObjectArn"].partition("/")[2])
    assert made["ETag"].strip('"') == where["ETag"]
    files = json.loads(made["Body"].read())["files"]
    assert s3.get_object(Bucket="jobs", Key=files[0]["key"])["Body"].read() == f'"{full}","b%20c",""\n"{full}","cats/tom",""\n'.encode()


def test_existing_objects_are_replicated(world, s3, full, start, ended, role):
    s3.create_bucket(Bucket="replicas")
    for name in (full, "replicas"):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    iam = world.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="copier", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="copier", PolicyName="own", PolicyDocument=json.dumps(policy))
    rule = {"Status": "Enabled", "Prefix": "", "Destination": {"Bucket": "arn:aws:s3:::replicas"}}
    configuration = {"Role": f"arn:aws:iam::{ACCOUNT}:role/copier", "Rules": [rule]}
    s3.put_bucket_replication(Bucket=full, ReplicationConfiguration=configuration)
    generator = {"SourceBucket": f"arn:aws:s3:::{full}", "EnableManifestOutput": False, "Filter": {"EligibleForReplication": True}}
    job = ended(start({"S3ReplicateObject": {}}, ManifestGenerator={"S3JobManifestGenerator": generator}))
    assert (job["Status"], job["ProgressSummary"]["NumberOfTasksSucceeded"]) == ("Complete", 3)
    assert s3.get_object(Bucket="replicas", Key="b c")["ReplicationStatus"] == "REPLICA"
    assert s3.head_object(Bucket=full, Key="b c")["ReplicationStatus"] == "COMPLETED"
    again = {
        "SourceBucket": f"arn:aws:s3:::{full}",
        "EnableManifestOutput": False,
        "Filter": {"ObjectReplicationStatuses": ["NONE", "FAILED"]},
    }
    assert (
        ended(start({"S3ReplicateObject": {}}, ManifestGenerator={"S3JobManifestGenerator": again}))["ProgressSummary"][
            "TotalNumberOfTasks"
        ]
        == 0
    )


def test_a_job_waits_to_be_confirmed_and_can_be_cancelled(s3, control, full, manifest, start, ended, aws_error):
    job = start(TAGS, Manifest=manifest, ConfirmationRequired=True)
    assert ended(job)["SuspendedCause"] == "Awaiting Job Confirmation"
    assert s3.get_object_tagging(Bucket=full, Key="a")["TagSet"] == []
    assert control.update_job_priority(AccountId=ACCOUNT, JobId=job, Priority=7)["Priority"] == 7
    control.update_job_status(AccountId=ACCOUNT, JobId=job, RequestedJobStatus="Ready", StatusUpdateReason="go")
    assert ended(job)["StatusUpdateReason"] == "go"
    with aws_error("JobStatusException"):
        control.update_job_status(AccountId=ACCOUNT, JobId=job, RequestedJobStatus="Cancelled")
    other = start(TAGS, Manifest=manifest, ConfirmationRequired=True)
    ended(other)
    control.update_job_status(AccountId=ACCOUNT, JobId=other, RequestedJobStatus="Cancelled")
    assert "TerminationDate" in ended(other)


def test_jobs_are_listed_and_tagged(control, manifest, start, ended, aws_error):
    jobs = [start(TAGS, Manifest=manifest, Tags=[{"Key": "n", "Value": str(n)}]) for n in range(3)]
    for job in jobs:
        ended(job)
    first = control.list_jobs(AccountId=ACCOUNT, MaxResults=2)
    rest = control.list_jobs(AccountId=ACCOUNT, NextToken=first["NextToken"])
    assert [job["JobId"] for job in first["Jobs"] + rest["Jobs"]] == jobs[::-1]
    assert control.list_jobs(AccountId=ACCOUNT, JobStatuses=["Failed"])["Jobs"] == []
    assert control.get_job_tagging(AccountId=ACCOUNT, JobId=jobs[0])["Tags"] == [{"Key": "n", "Value": "0"}]
    control.put_job_tagging(AccountId=ACCOUNT, JobId=jobs[0], Tags=[{"Key": "m", "Value": ""}])
    control.delete_job_tagging(AccountId=ACCOUNT, JobId=jobs[0])
    assert control.get_job_tagging(AccountId=ACCOUNT, JobId=jobs[0])["Tags"] == []
    with aws_error("NoSuchJob"):
        control.describe_job(AccountId=ACCOUNT, JobId="11111111-2222-3333-4444-555555555555")


def test_the_same_request_twice_is_one_job(control, manifest, start, aws_error):
    first = start(TAGS, Manifest=manifest, ClientRequestToken="once")
    assert start(TAGS, Manifest=manifest, ClientRequestToken="once") == first
    with aws_error("IdempotencyException"):
        start({"S3DeleteObjectTagging": {}}, Manifest=manifest, ClientRequestToken="once")


def test_jobs_that_make_no_sense(manifest, start, ended, aws_error):
    other_etag = {**manifest, "Location": {**manifest["Location"], "ETag": "0" * 32}}
    assert ended(start(TAGS, Manifest=other_etag))["FailureReasons"][0]["FailureCode"] == "ManifestETagMismatch"
    columns = {**manifest, "Spec": {**manifest["Spec"], "Fields": ["Bucket", "Key", "VersionId"]}}
    assert ended(start(TAGS, Manifest=columns))["FailureReasons"][0]["FailureCode"] == "InvalidManifestContent"
    with aws_error("InvalidRequest"):
        start(TAGS)
    with aws_error("InvalidRequest"):
        start({**TAGS, "S3DeleteObjectTagging": {}}, Manifest=manifest)
    with aws_error("InvalidRequest"):
        start(TAGS, Manifest=manifest, Report={"Enabled": True})
    with aws_error("NotImplemented"):
        start({"S3ComputeObjectChecksum": {"ChecksumAlgorithm": "MD5", "ChecksumType": "FULL_OBJECT"}}, Manifest=manifest)


HANDLER = """
def handler(event, context):
    (task,) = event["tasks"]
    code = {"a": "Succeeded", "absent": "TemporaryFailure"}.get(task["s3Key"], "PermanentFailure")
    result = {"taskId": task["taskId"], "resultCode": code, "resultString": task["s3BucketArn"]}
    return {"invocationSchemaVersion": "1.0", "invocationId": event["invocationId"], "results": [result]}
"""


def test_a_job_invokes_a_function_for_each_object(world, s3, manifest, start, ended, role):
    iam = world.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    own = iam.create_role(RoleName="f", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))["Role"]["Arn"]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", HANDLER)
    code = {"ZipFile": buffer.getvalue()}
    function = world.client("lambda").create_function(FunctionName="f", Runtime="python3.11", Handler="app.handler", Role=own, Code=code)
    job = ended(start({"LambdaInvoke": {"FunctionArn": function["FunctionArn"]}}, Manifest=manifest, Report={**REPORT, "Prefix": "r"}))
    summary = job["ProgressSummary"]
    assert (summary["NumberOfTasksSucceeded"], summary["NumberOfTasksFailed"]) == (1, 3)
    results = json.loads(s3.get_object(Bucket="jobs", Key=f"r/job-{job['JobId']}/manifest.json")["Body"].read())["Results"]
    good, bad = (s3.get_object(Bucket="jobs", Key=result["Key"])["Body"].read().decode().splitlines() for result in results)
    assert good == ["photos,a,,succeeded,200,,arn:aws:s3:::photos"]
    assert [line.split(",")[5] for line in bad] == ["PermanentFailure", "PermanentFailure", "TemporaryFailure"]


def test_the_states_of_a_job_are_told(world, control, s3, manifest, start, ended):
    rules = world.client("events")
    rules.put_rule(Name="jobs", EventPattern='{"source":["aws.s3"],"detail":{"eventName":["JobStatusChanged"]}}')
    sqs = world.client("sqs")
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:told"
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})})
    rules.put_targets(Rule="jobs", Targets=[{"Id": "1", "Arn": arn}])
    job = start(TAGS, Manifest=manifest, ConfirmationRequired=True)
    ended(job)
    control.update_job_status(AccountId=ACCOUNT, JobId=job, RequestedJobStatus="Ready")
    assert ended(job)["Status"] == "Complete"
    told = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        told += [json.loads(message["Body"])["detail"]["serviceEventDetails"]["status"] for message in messages]
    assert told == ["Preparing", "Suspended", "Ready", "Active", "Completing", "Complete"]
