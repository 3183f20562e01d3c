"""Amazon S3 Control."""
