"""AWS CloudTrail: what was called, by whom, looked up or delivered to S3."""
