"""AWS operation names in Python spelling, exactly as boto3 spells them."""

from __future__ import annotations

import re

# Words whose inner capitals do not start a new word. botocore lists the operations that hold them one by one.
COMPOUNDS = (
    ("CachediSCSI", "CachedIscsi"),
    ("StorediSCSI", "StoredIscsi"),
    ("HITs", "Hits"),
    ("PartiQL", "Partiql"),
    ("OTel", "Otel"),
    ("WhatsApp", "Whatsapp"),
)

# The same for names whose word is split in others: CreateOAuth2TokenWithTokenExchange is create_o_auth2_token_with_token_exchange.
IRREGULAR = {
    "CreateOAuth2Token": "create_oauth2_token",
    "CreateOAuth2TokenWithIAM": "create_oauth2_token_with_iam",
    "IntrospectOAuth2TokenWithIAM": "introspect_oauth2_token_with_iam",
    "RevokeOAuth2TokenWithIAM": "revoke_oauth2_token_with_iam",
}

PLURAL_ACRONYM = re.compile(r"[A-Z]{2,}s$")
WORD_START = re.compile(r"(.)([A-Z][a-z]+)")
WORD_END = re.compile(r"([a-z0-9])([A-Z])")


def snake(name: str) -> str:
    """The Python spelling of an AWS name: "CreateDBInstance" -> "create_db_instance"; the same as botocore's xform_name."""
    if "_" in name:
        return name
    if name in IRREGULAR:
        return IRREGULAR[name]
    for compound, word in COMPOUNDS:
        if compound in name:
            name = name.replace(compound, word)
    plural = PLURAL_ACRONYM.search(name)
    if plural:  # UntagARNs ends in "_arns", not "_ar_ns".
        name = f"{name[: plural.start()]}_{plural.group().lower()}"
    return WORD_END.sub(r"\1_\2", WORD_START.sub(r"\1_\2", name)).lower()
