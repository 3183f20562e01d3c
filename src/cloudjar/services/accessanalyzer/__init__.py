"""IAM Access Analyzer: policies validated and compared."""
