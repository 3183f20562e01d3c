"""S3's error answers, each message once. Source: "Error responses" in the Amazon S3 API Reference, and S3's own answers."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.errors import AwsError


def no_such_bucket(name: str) -> AwsError:
    return AwsError("NoSuchBucket", "The specified bucket does not exist", status=404, members={"BucketName": name})


def invalid_bucket_name(name: str) -> AwsError:
    return AwsError("InvalidBucketName", "The specified bucket is not valid.", status=400, members={"BucketName": name})


def bucket_exists(name: str) -> AwsError:
    words = (
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
        "Please select a different name and try again."
    )
    return AwsError("BucketAlreadyExists", words, status=409, members={"BucketName": name})


def bucket_is_yours(name: str) -> AwsError:
    words = "Your previous request to create the named bucket succeeded and you already own it."
    return AwsError("BucketAlreadyOwnedByYou", words, status=409, members={"BucketName": name})


def bucket_not_empty(name: str) -> AwsError:
    return AwsError("BucketNotEmpty", "The bucket you tried to delete is not empty", status=409, members={"BucketName": name})


def access_points_attached(name: str) -> AwsError:
    words = "The bucket you are attempting to delete has access points attached. Delete your access points and try again."
    return AwsError("BucketHasAccessPointsAttached", words, status=400, members={"BucketName": name})


def no_such_access_point(arn: str) -> AwsError:
    words = "The specified accesspoint does not exist"
    return AwsError("NoSuchAccessPoint", words, status=404, members={"AccessPointName": arn.rpartition("/")[2]})


def versions_remain(name: str) -> AwsError:
    words = "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
    return AwsError("BucketNotEmpty", words, status=409, members={"BucketName": name})


def illegal_location(constraint: str) -> AwsError:
    words = f"The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
    return AwsError("IllegalLocationConstraintException", words, status=400)


def invalid_location(constraint: str) -> AwsError:
    words = "The specified location-constraint is not valid"
    return AwsError("InvalidLocationConstraint", words, status=400, members={"LocationConstraint": constraint})


def permanent_redirect(name: str, region: str) -> AwsError:
    words = (
        "The bucket you are attempting to access must be addressed using the specified endpoint. "
        "Please send all future requests to this endpoint."
    )
    members = {"Endpoint": f"{name}.s3.{region}.amazonaws.com", "Bucket": name}
    return AwsError("PermanentRedirect", words, status=301, members=members, headers={"x-amz-bucket-region": region})


def no_such_key(key: str, **headers: str) -> AwsError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return AwsError("NoSuchKey", "The specified key does not exist.", status=404, members={"Key": key}, headers=named)


def no_such_version(key: str, version_id: str) -> AwsError:
    members = {"Key": key, "VersionId": version_id}
    return AwsError("NoSuchVersion", "The specified version does not exist.", status=404, members=members)


def no_such_upload(upload_id: str) -> AwsError:
    words = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    return AwsError("NoSuchUpload", words, status=404, members={"UploadId": upload_id})


def method_not_allowed(method: str, resource_type: str, **headers: str) -> AwsError:
    words = "The specified method is not allowed against this resource."
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return AwsError("MethodNotAllowed", words, status=405, members={"Method": method, "ResourceType": resource_type}, headers=named)


def precondition_failed(condition: str) -> AwsError:
    words = "At least one of the pre-conditions you specified did not hold"
    return AwsError("PreconditionFailed", words, status=412, members={"Condition": condition})


def not_modified(headers: dict[str, str]) -> AwsError:
    return AwsError("NotModified", "Not Modified", status=304, headers=headers)


def conditional_conflict(condition: str, key: str) -> AwsError:
    words = "The conditional request cannot succeed due to a conflicting operation against this resource."
    return AwsError("ConditionalRequestConflict", words, status=409, members={"Condition": condition, "Key": key})


def unsatisfiable_range(wanted: str, size: int) -> AwsError:
    members = {"RangeRequested": wanted, "ActualObjectSize": size}
    headers = {"content-range": f"bytes */{size}"}
    return AwsError("InvalidRange", "The requested range is not satisfiable", status=416, members=members, headers=headers)


def no_such_part(number: int, count: int) -> AwsError:
    members = {"PartNumberRequested": number, "ActualPartCount": count}
    return AwsError("InvalidPartNumber", "The requested partnumber is not satisfiable", status=416, members=members)


def invalid_argument(message: str, name: str = "", value: Any = None) -> AwsError:
    members = {"ArgumentName": name, "ArgumentValue": value} if name else {}
    return AwsError("InvalidArgument", message, status=400, members=members)


def invalid_request(message: str) -> AwsError:
    return AwsError("InvalidRequest", message, status=400)


def malformed_xml() -> AwsError:
    words = "The XML you provided was not well-formed or did not validate against our published schema"
    return AwsError("MalformedXML", words, status=400)


def access_denied() -> AwsError:
    return AwsError("AccessDenied", "Access Denied", status=403)


def key_too_long(size: int) -> AwsError:
    return AwsError("KeyTooLongError", "Your key is too long", status=400, members={"Size": size, "MaxSizeAllowed": 1024})


def metadata_too_large(size: int) -> AwsError:
    words = "Your metadata headers exceed the maximum allowed metadata size"
    return AwsError("MetadataTooLarge", words, status=400, members={"Size": size, "MaxSizeAllowed": 2048})


def too_large(size: int, limit: int) -> AwsError:
    words = "Your proposed upload exceeds the maximum allowed size"
    return AwsError("EntityTooLarge", words, status=400, members={"ProposedSize": size, "MaxSizeAllowed": limit})


def missing_length() -> AwsError:
    return AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", status=411)


def incomplete_body() -> AwsError:
    words = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return AwsError("IncompleteBody", words, status=400)


def invalid_digest(value: str) -> AwsError:
    return AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.", status=400, members={"Content-MD5": value})


def bad_md5(expected: str, calculated: str) -> AwsError:
    words = "The Content-MD5 you specified did not match what we received."
    return AwsError("BadDigest", words, status=400, members={"ExpectedDigest": expected, "CalculatedDigest": calculated})


def bad_checksum(algorithm: str) -> AwsError:
    return AwsError("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.", status=400)


def bad_sha256(claimed: str, computed: str) -> AwsError:
    words = "The provided 'x-amz-content-sha256' header does not match what was computed."
    members = {"ClientComputedContentSHA256": claimed, "S3ComputedContentSHA256": computed}
    return AwsError("XAmzContentSHA256Mismatch", words, status=400, members=members)


def invalid_checksum(algorithm: str) -> AwsError:
    return invalid_request(f"Value for x-amz-checksum-{algorithm.lower()} header is invalid.")


def acls_disabled() -> AwsError:
    return AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs", status=400)


def malformed_acl() -> AwsError:
    words = "The XML you provided was not well-formed or did not validate against our published schema"
    return AwsError("MalformedACLError", words, status=400)


def invalid_storage_class() -> AwsError:
    return AwsError("InvalidStorageClass", "The storage class you specified is not valid", status=400)


def invalid_tag(message: str, key: str = "", value: str = "") -> AwsError:
    members = {name: text for name, text in (("TagKey", key), ("TagValue", value)) if text}
    return AwsError("InvalidTag", message, status=400, members=members)


def no_such_tag_set(bucket: str) -> AwsError:
    return AwsError("NoSuchTagSet", "The TagSet does not exist", status=404, members={"BucketName": bucket})


def bad_request(message: str, **members: Any) -> AwsError:
    return AwsError("BadRequest", message, status=400, members=members)


def invalid_part(upload_id: str, number: int, etag: str) -> AwsError:
    words = (
        "One or more of the specified parts could not be found.  The part may not have been uploaded, "
        "or the specified entity tag may not match the part's entity tag."
    )
    return AwsError("InvalidPart", words, status=400, members={"UploadId": upload_id, "PartNumber": number, "ETag": etag})


def invalid_part_order(upload_id: str) -> AwsError:
    words = "The list of parts was not in ascending order. Parts must be ordered by part number."
    return AwsError("InvalidPartOrder", words, status=400, members={"UploadId": upload_id})


def part_too_small(size: int, number: int, etag: str, limit: int) -> AwsError:
    words = "Your proposed upload is smaller than the minimum allowed size"
    members = {"ProposedSize": size, "MinSizeAllowed": limit, "PartNumber": number, "ETag": etag}
    return AwsError("EntityTooSmall", words, status=400, members=members)


def object_not_archived() -> AwsError:
    return AwsError("InvalidObjectState", "Restore is not allowed for the object's current storage class", status=403)


def invalid_bucket_state(message: str) -> AwsError:
    return AwsError("InvalidBucketState", message, status=409)


def acls_with_ownership() -> AwsError:
    words = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
    return AwsError("InvalidBucketAclWithObjectOwnership", words, status=400)


def bad_token() -> AwsError:
    return invalid_argument("The continuation token provided is incorrect", "continuation-token")


def malformed_trailer() -> AwsError:
    words = "The request contained trailing data that was not well-formed or did not conform to our published schema."
    return AwsError("MalformedTrailerError", words, status=400)


def invalid_redirect(message: str) -> AwsError:
    return AwsError("InvalidRedirectLocation", message, status=400)


def archived(storage_class: str, tier: str = "") -> AwsError:
    words = "The operation is not valid for the object's storage class"
    members = {"StorageClass": storage_class}
    if tier:
        words = "The operation is not valid for the object's access tier"
        members["AccessTier"] = tier
    return AwsError("InvalidObjectState", words, status=403, members=members)


def checksum_mismatch(expected: str, actual: str | None) -> AwsError:
    words = f"Checksum Type mismatch occurred, expected checksum Type: {expected.lower()}, actual checksum Type: "
    return invalid_request(words + (actual or "null").lower())


def missing_part_checksum(algorithm: str, number: int) -> AwsError:
    words = (
        f"The upload was created using a {algorithm.lower()} checksum. The complete request must include the checksum for each part. "
        f"It was missing for part {number} in the request."
    )
    return invalid_request(words)


def illegal_self_copy() -> AwsError:
    words = (
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, "
        "storage class, website redirect location or encryption attributes."
    )
    return invalid_request(words)


def copy_source_too_large(limit: int) -> AwsError:
    return invalid_request(f"The specified copy source is larger than the maximum allowable size for a copy source: {limit}")


def incomplete_chunks() -> AwsError:
    return AwsError("IncompleteBody", "The request body terminated unexpectedly", status=400)


def not_a_form() -> AwsError:
    words = "Bucket POST must be of the enclosure-type multipart/form-data"
    return AwsError("PreconditionFailed", words, status=412, members={"Condition": words})


def malformed_post() -> AwsError:
    words = "The body of your POST request is not well-formed multipart/form-data."
    return AwsError("MalformedPOSTRequest", words, status=400)


def fields_too_large() -> AwsError:
    words = "Your POST request fields preceding the upload file were too large."
    return AwsError("MaxPostPreDataLengthExceeded", words, status=400)


def one_file() -> AwsError:
    return invalid_argument("POST requires exactly one file upload per request.", "file", 0)


def too_small(size: int, limit: int) -> AwsError:
    words = "Your proposed upload is smaller than the minimum allowed size"
    return AwsError("EntityTooSmall", words, status=400, members={"ProposedSize": size, "MinSizeAllowed": limit})


def invalid_policy(message: str) -> AwsError:
    return AwsError("InvalidPolicyDocument", message, status=400)


def against_policy(message: str) -> AwsError:
    return AwsError("AccessDenied", f"Invalid according to Policy: {message}", status=403)
