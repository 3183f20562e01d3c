"""AWS Lambda: functions that really run, in sandboxes of this machine."""
