"""Finding sensitive data: AWS's managed data identifiers, as patterns with their checks.

Source: "Types of data that you can protect" in the CloudWatch Logs user guide. AWS finds some types by machine learning and looks for
keywords near others; here each type has a pattern, a check (Luhn, IBAN, VIN) where the data has one, and keywords where AWS wants them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

Span = tuple[int, int]
_NEAR = 30
"""How many characters before or after a finding a keyword may stand."""
MANAGED = "dataprotection::aws:data-identifier/"


class Identifier(NamedTuple):
    """One type of data: what it looks like, what must hold of it, and words of which one must be near."""

    pattern: str
    check: Callable[[str], bool] | None = None
    keywords: tuple[str, ...] = ()


def _digits(text: str) -> list[int]:
    return [int(letter) for letter in text if letter.isdigit()]


def luhn(text: str) -> bool:
    """Whether the digits of a text have the check digit of payment cards."""
    digits = _digits(text)
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and any(digits)


def _iban(text: str) -> bool:
    plain = re.sub(r"\s", "", text).upper()
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1


_VIN = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", [*range(1, 9), 1, 2, 3, 4, 5, 7, 9, *range(2, 10), *range(10)], strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def _vin(text: str) -> bool:
    rest = sum(_VIN[letter] * weight for letter, weight in zip(text, _VIN_WEIGHTS, strict=True)) % 11
    return text[8] == ("X" if rest == 10 else str(rest))


def _ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _ssn(text: str) -> bool:
    area, group, serial = re.sub(r"\D", "", text)[:3], re.sub(r"\D", "", text)[3:5], re.sub(r"\D", "", text)[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _key_block(kind: str) -> Identifier:
    return Identifier(rf"-----BEGIN {kind}-----[\s\S]+?(?:-----END {kind}-----|\Z)")


_ACCOUNT = ("account", "bank", "iban", "konto", "cuenta", "compte", "conto")
_PHONE = ("phone", "telephone", "mobile", "cell", "contact", "fax", "tel")
_PHONES = {
    "US": r"(?<![\d.])(?:\+?1[ .-]?)?(?:\(\d{3}\)[ ]?|\d{3}[ .-]?)\d{3}[ .-]?\d{4}(?![\d.])",
    "GB": r"(?<!\d)(?:\+44[ ]?\(?0?\)?[ ]?|0)\d{2,4}[ ]?\d{3,4}[ ]?\d{3,4}(?!\d)",
    "DE": r"(?<!\d)(?:\+49[ ]?|0)\d{2,5}[ /-]?\d{4,9}(?!\d)",
    "ES": r"(?<!\d)(?:\+34[ ]?)?[6789]\d{2}[ ]?\d{3}[ ]?\d{3}(?!\d)",
    "FR": r"(?<!\d)(?:\+33[ ]?|0)[1-9](?:[ .-]?\d{2}){4}(?!\d)",
    "IT": r"(?<!\d)(?:\+39[ ]?)?(?:3\d{2}|0\d{1,3})[ ]?\d{5,8}(?!\d)",
    "BR": r"(?<!\d)(?:\+55[ ]?)?\(?\d{2}\)?[ ]?9?\d{4}-?\d{4}(?!\d)",
}
_IBANS = {"DE": 18, "ES": 20, "FR": 23, "GB": 18, "IT": 23}

IDENTIFIERS: dict[str, Identifier] = (
    {
        "EmailAddress": Identifier(r"(?<![\w.+-])[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"),
        "IpAddress": Identifier(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?=[0-9A-Fa-f]*:)[0-9A-Fa-f:]{2,39})(?![\w:]|\.\d)", _ip),
        "CreditCardNumber": Identifier(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d-]|\.\d)", luhn),
        "CreditCardExpiration": Identifier(
            r"(?<!\d)(?:0[1-9]|1[0-2])[/-](?:20)?\d{2}(?!\d)", None, ("exp", "expiration", "expiry", "valid thru", "expires")
        ),
        "CreditCardSecurityCode": Identifier(
            r"(?<!\d)\d{3,4}(?!\d)", None, ("cvv", "cvc", "cid", "csc", "security code", "card verification", "card id")
        ),
        "AwsSecretKey": Identifier(
            r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])",
            None,
            (
                "aws_secret_access_key",
                "secret access key",
                "secretaccesskey",
                "secret key",
                "credentials",
                "set-awscredential",
                "secret_key",
            ),
        ),
        "OpenSshPrivateKey": _key_block("OPENSSH PRIVATE KEY"),
        "PgpPrivateKey": _key_block("PGP PRIVATE KEY BLOCK"),
        "PkcsPrivateKey": _key_block("(?:RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY"),
        "PuttyPrivateKey": Identifier(r"PuTTY-User-Key-File-\d[\s\S]+?(?:Private-MAC: [0-9a-f]+|\Z)"),
        "Ssn-US": Identifier(
            r"(?<![\d-])\d{3}[- ]?\d{2}[- ]?\d{4}(?![\d-])", _ssn, ("ssn", "social security", "ss#", "social sec", "ssns")
        ),
        "ZipCode-US": Identifier(r"(?<![\d-])\d{5}(?:-\d{4})?(?![\d-])", None, ("zip code", "zip+4", "zip", "zipcode", "postal")),
        "VehicleIdentificationNumber": Identifier(
            r"(?<![A-Z0-9])[A-HJ-NPR-Z0-9]{17}(?![A-Z0-9])", _vin, ("vin", "vehicle", "chassis", "niv")
        ),
        "LatLong": Identifier(
            r"(?<![\d.])[-+]?(?:[1-8]?\d\.\d{2,}|90\.0+)\s*,\s*[-+]?(?:(?:1[0-7]\d|[1-9]?\d)\.\d{2,}|180\.0+)(?![\d.])",
            None,
            ("coordinate", "coordinates", "lat long", "latitude longitude", "location", "position", "latlong"),
        ),
        "IndividualTaxIdentificationNumber-US": Identifier(
            r"(?<![\d-])9\d{2}[- ]?[5-9]\d[- ]?\d{4}(?![\d-])", None, ("itin", "tax", "tin", "taxpayer")
        ),
        "DriversLicense-US": Identifier(
            r"(?<![A-Za-z0-9])(?:[A-Z]{1,2}[- ]?\d(?:[- ]?\d){4,12}|\d{7,12})(?![A-Za-z0-9])",
            None,
            ("driver", "driving", "license", "licence", "dl#", "dlno", "permit"),
        ),
        "PassportNumber-US": Identifier(r"(?<![A-Za-z0-9])[A-Z]?\d{8,9}(?![A-Za-z0-9])", None, ("passport", "travel document")),
        "BankAccountNumber-US": Identifier(r"(?<![\d-])\d{6,17}(?![\d-])", None, _ACCOUNT),
        "CepCode-BR": Identifier(
            r"(?<!\d)\d{5}-?\d{3}(?!\d)", None, ("cep", "código de endereçamento postal", "codigo postal", "código postal")
        ),
    }
    | {f"PhoneNumber-{country}": Identifier(pattern, None, () if country == "US" else _PHONE) for country, pattern in _PHONES.items()}
    | {
        f"BankAccountNumber-{country}": Identifier(rf"(?<![A-Z0-9]){country}\d{{2}}(?:[ ]?[A-Z0-9]){{{length}}}(?![A-Z0-9])", _iban)
        for country, length in _IBANS.items()
    }
)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def find(name: str, text: str) -> Iterator[Span]:
    """Where a text has data of a managed type."""
    identifier = IDENTIFIERS[name]
    lowered = text.lower() if identifier.keywords else ""
    if identifier.keywords and not any(word in lowered for word in identifier.keywords):
        return
    for found in _compiled(identifier.pattern).finditer(text):
        start, end = found.span()
        if identifier.check and not identifier.check(found.group()):
            continue
        around = f"{lowered[max(0, start - _NEAR) : start]} {lowered[end : end + _NEAR]}"
        if not identifier.keywords or any(word in around for word in identifier.keywords):
            yield start, end


def find_custom(pattern: str, text: str) -> Iterator[Span]:
    """Where a text has what a custom identifier's regular expression describes."""
    return (found.span() for found in _compiled(pattern).finditer(text) if found.group())
