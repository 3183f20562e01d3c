"""PartiQL, as far as DynamoDB speaks it: statements as trees that share their conditions with the expression languages."""
