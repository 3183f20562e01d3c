"""Amazon EventBridge, formerly CloudWatch Events: buses, rules, targets, archives, connections."""
