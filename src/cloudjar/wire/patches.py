"""Where botocore's models fall short of what AWS sends and accepts. The one place for such mending."""

from __future__ import annotations

# Protocols that a service answers besides those its current model names, primary first: older SDKs still speak them.
PROTOCOLS: dict[str, tuple[str, ...]] = {
    "sqs": ("json", "query"),
}

# Services whose JSON answers carry their CRC32 in a header, which the Java and Go SDKs check.
CRC32_ANSWERS = frozenset(("dynamodb", "dynamodbstreams"))

# Shapes that their service holds as JSON has them, but for bytes, which the encoder puts in Base64: answers pass them on as they are.
READY_FOR_JSON = frozenset((("dynamodb", "AttributeValue"), ("dynamodbstreams", "AttributeValue")))

# Services whose model names no XML namespace (any more), though their query protocol answers with one.
XML_NAMESPACES: dict[str, str] = {
    "sqs": "http://queue.amazonaws.com/doc/2012-11-05/",
    "s3": "http://s3.amazonaws.com/doc/2006-03-01/",
}

# S3's root elements, which differ from the output shapes' names. Source: "Response Syntax" in the Amazon S3 API Reference.
XML_ROOTS: dict[tuple[str, str], str] = {
    ("s3", "CompleteMultipartUpload"): "CompleteMultipartUploadResult",
    ("s3", "CreateMultipartUpload"): "InitiateMultipartUploadResult",
    ("s3", "CreateSession"): "CreateSessionResult",
    ("s3", "DeleteObjects"): "DeleteResult",
    ("s3", "GetBucketAccelerateConfiguration"): "AccelerateConfiguration",
    ("s3", "GetBucketAcl"): "AccessControlPolicy",
    ("s3", "GetBucketCors"): "CORSConfiguration",
    ("s3", "GetBucketLifecycle"): "LifecycleConfiguration",
    ("s3", "GetBucketLifecycleConfiguration"): "LifecycleConfiguration",
    ("s3", "GetBucketLocation"): "LocationConstraint",
    ("s3", "GetBucketLogging"): "BucketLoggingStatus",
    ("s3", "GetBucketRequestPayment"): "RequestPaymentConfiguration",
    ("s3", "GetBucketTagging"): "Tagging",
    ("s3", "GetBucketVersioning"): "VersioningConfiguration",
    ("s3", "GetBucketWebsite"): "WebsiteConfiguration",
    ("s3", "GetObjectAcl"): "AccessControlPolicy",
    ("s3", "GetObjectAttributes"): "GetObjectAttributesResponse",
    ("s3", "GetObjectTagging"): "Tagging",
    ("s3", "ListBucketAnalyticsConfigurations"): "ListBucketAnalyticsConfigurationResult",
    ("s3", "ListBucketInventoryConfigurations"): "ListInventoryConfigurationsResult",
    ("s3", "ListBucketMetricsConfigurations"): "ListMetricsConfigurationsResult",
    ("s3", "ListBuckets"): "ListAllMyBucketsResult",
    ("s3", "ListDirectoryBuckets"): "ListAllMyDirectoryBucketsResult",
    ("s3", "ListMultipartUploads"): "ListMultipartUploadsResult",
    ("s3", "ListObjects"): "ListBucketResult",
    ("s3", "ListObjectsV2"): "ListBucketResult",
    ("s3", "ListObjectVersions"): "ListVersionsResult",
    ("s3", "ListParts"): "ListPartsResult",
}

# The codes of SQS's query protocol, which its present model no longer holds; they still travel in x-amzn-query-error.
# Source: the Amazon SQS API Reference's error lists before and after the move to JSON.
_SQS_PREFIXED = (
    "BatchEntryIdsNotDistinct",
    "BatchRequestTooLong",
    "EmptyBatchRequest",
    "InvalidBatchEntryId",
    "MessageNotInflight",
    "PurgeQueueInProgress",
    "QueueDeletedRecently",
    "TooManyEntriesInBatchRequest",
    "UnsupportedOperation",
)
QUERY_ERROR_CODES: dict[str, dict[str, str]] = {
    "sqs": {name: f"AWS.SimpleQueueService.{name}" for name in _SQS_PREFIXED}
    | {
        "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
        "QueueNameExists": "QueueAlreadyExists",
        "KmsAccessDenied": "KMS.AccessDeniedException",
        "KmsDisabled": "KMS.DisabledException",
        "KmsInvalidKeyUsage": "KMS.InvalidKeyUsageException",
        "KmsInvalidState": "KMS.InvalidStateException",
        "KmsNotFound": "KMS.NotFoundException",
        "KmsOptInRequired": "KMS.OptInRequired",
        "KmsThrottled": "KMS.ThrottlingException",
    },
}

# The names of SQS's query protocol, which its present model no longer holds either: the tag of each item of a flattened list,
# by the list's shape, and of each entry of a flattened map, by the member. JSON uses neither.
# Source: the "Examples" of the Amazon SQS API Reference, query protocol.
_SQS_ENTRIES = ("ChangeMessageVisibilityBatch", "DeleteMessageBatch", "SendMessageBatch")
QUERY_ITEM_NAMES: dict[str, dict[str, str]] = {
    "sqs": {
        "AWSAccountIdList": "AWSAccountId",
        "ActionNameList": "ActionName",
        "AttributeNameList": "AttributeName",
        "BatchResultErrorEntryList": "BatchResultErrorEntry",
        "BinaryList": "BinaryListValue",
        "ListMessageMoveTasksResultEntryList": "ListMessageMoveTasksResultEntry",
        "MessageAttributeNameList": "MessageAttributeName",
        "MessageList": "Message",
        "MessageSystemAttributeList": "AttributeName",
        "QueueUrlList": "QueueUrl",
        "StringList": "StringListValue",
        "TagKeyList": "TagKey",
    }
    | {f"{name}RequestEntryList": f"{name}RequestEntry" for name in _SQS_ENTRIES}
    | {f"{name}ResultEntryList": f"{name}ResultEntry" for name in _SQS_ENTRIES},
}
QUERY_MAP_NAMES: dict[str, dict[str, tuple[str, str, str]]] = {
    "sqs": {
        "MessageBodyAttributeMap": ("MessageAttribute", "Name", "Value"),
        "MessageBodySystemAttributeMap": ("MessageSystemAttribute", "Name", "Value"),
        "MessageSystemAttributeMap": ("Attribute", "Name", "Value"),
        "QueueAttributeMap": ("Attribute", "Name", "Value"),
        "TagMap": ("Tag", "Key", "Value"),
    },
}

# Parameters of the query protocol that older clients leave out and send as the path. Source: "Making Query API requests", SQS guide.
PATH_MEMBERS: dict[str, str] = {"sqs": "QueueUrl"}

# What stands before the code in `__type`. Clients cut it off, but people compare whole answers.
ERROR_NAMESPACES: dict[str, str] = {
    "dynamodb": "com.amazonaws.dynamodb.v20120810#",
    "sqs": "com.amazonaws.sqs#",
}

# Signing names that no model has, and whose they are.
SIGNING_ALIASES: dict[str, str] = {
    "s3express": "s3",
    "s3-object-lambda": "s3",
    "s3-outposts": "s3control",
}

# Services that share a signing name, and even paths, with one that more people mean: tried after it.
ROUTE_LAST: dict[str, int] = {
    "apigatewaymanagementapi": -1,
    "docdb": 1,
    "neptune": 1,
    "pinpoint-email": 1,
    "lambda-core": 1,
    "lambda-microvms": 1,
    "lambda-web": 1,
    "wisdom": 1,
}

# REST services whose clients sign nothing, so that only the path tells them from S3.
UNSIGNED_SERVICES: tuple[str, ...] = ("sso-oidc", "sso")

# Operations that AWS has and no model: browsers' form uploads to S3. Source: "POST Object" in the Amazon S3 API Reference.
# And shapes that are wrong: S3 Control tags general purpose buckets, whose ARNs its model's pattern shuts out.
ADDITIONS: dict[str, bytes] = {
    "s3control": b"""{
  "metadata": {}, "operations": {},
  "shapes": {"S3ResourceArn": {"type": "string", "max": 1011, "pattern": "arn:[^:]+:s3(express)?:.*"}}
}""",
    "s3": b"""{
  "metadata": {},
  "operations": {
    "PostObject": {
      "name": "PostObject", "http": {"method": "POST", "requestUri": "/{Bucket}"}, "authtype": "none",
      "input": {"shape": "PostObjectRequest"}, "output": {"shape": "PostObjectOutput"}
    }
  },
  "shapes": {
    "PostObjectRequest": {
      "type": "structure", "required": ["Bucket"], "payload": "Body",
      "members": {
        "Body": {"shape": "Body", "streaming": true},
        "Bucket": {"shape": "BucketName", "location": "uri", "locationName": "Bucket"}
      }
    },
    "PostObjectOutput": {
      "type": "structure", "payload": "PostResponse",
      "members": {
        "StatusCode": {"shape": "PartsCount", "location": "statusCode"},
        "ETag": {"shape": "ETag", "location": "header", "locationName": "ETag"},
        "Location": {"shape": "Location", "location": "header", "locationName": "Location"},
        "VersionId": {"shape": "ObjectVersionId", "location": "header", "locationName": "x-amz-version-id"},
        "ServerSideEncryption": {
          "shape": "ServerSideEncryption", "location": "header", "locationName": "x-amz-server-side-encryption"
        },
        "PostResponse": {"shape": "PostResponse"}
      }
    },
    "PostResponse": {
      "type": "structure",
      "members": {
        "Location": {"shape": "Location"}, "Bucket": {"shape": "BucketName"}, "Key": {"shape": "ObjectKey"}, "ETag": {"shape": "ETag"}
      }
    }
  }
}""",
}
