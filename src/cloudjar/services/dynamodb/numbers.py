"""DynamoDB's numbers: 38 significant digits, magnitudes from 1E-130 to below 1E+126, kept in one plain spelling."""

from __future__ import annotations

import re
from decimal import Context, Decimal, InvalidOperation

from cloudjar.services.dynamodb import errors

# Nearly every number that a program writes is this, and is its own normal form.
_PLAIN = re.compile(r"0|-?[1-9][0-9]{0,20}|-?(?:0|[1-9][0-9]{0,17})\.[0-9]{0,17}[1-9]|-?[1-9][0-9]{0,36}[1-9]", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_EXACT = Context(prec=400, Emax=10**17, Emin=-(10**17))

DIGITS = 38
LARGEST_EXPONENT = 125
SMALLEST_EXPONENT = -130
_LONGEST = 1000
"""Letters of a number that are looked at: more cannot be a number that fits."""


def normalise(text: str) -> str:
    """A number as DynamoDB gives it back: no exponent, no needless zeros. Raises ValidationException."""
    return text if _PLAIN.fullmatch(text) else plain(parse(text))


def parse(text: str) -> Decimal:
    """The number that a request's text means. Raises ValidationException."""
    text = text.strip(" ")
    if not text:
        raise errors.not_numeric(None)
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
        raise errors.not_numeric(text)
    try:
        return checked(_EXACT.create_decimal(text))
    except InvalidOperation:
        raise errors.number_overflow() if "-" not in text.lower().partition("e")[2] else errors.number_underflow() from None


def checked(number: Decimal) -> Decimal:
    """The number, if DynamoDB can keep it exactly. Raises ValidationException."""
    if not number:
        return Decimal(0)
    exponent = number.adjusted()
    if exponent > LARGEST_EXPONENT:
        raise errors.number_overflow()
    if exponent < SMALLEST_EXPONENT:
        raise errors.number_underflow()
    if significant(number) > DIGITS:
        raise errors.number_too_precise()
    return number


def significant(number: Decimal) -> int:
    """How many digits count: without zeros before and after."""
    return len("".join(map(str, number.as_tuple().digits)).strip("0"))


def plain(number: Decimal) -> str:
    """The one spelling of a number."""
    if not number:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def add(left: str, right: str) -> str:
    """The exact sum of two normal numbers. Raises ValidationException if it does not fit."""
    return plain(checked(_EXACT.add(Decimal(left), Decimal(right))))


def subtract(left: str, right: str) -> str:
    """The exact difference of two normal numbers. Raises ValidationException if it does not fit."""
    return plain(checked(_EXACT.subtract(Decimal(left), Decimal(right))))


_COMPLEMENT = bytes.maketrans(b"0123456789", b"9876543210")


def sortable(text: str) -> bytes:
    """Bytes that sort as normal numbers do: the sign, the exponent, the digits; complemented where the number is negative."""
    if text == "0":
        return b"\x80"
    negative = text[0] == "-"
    whole, _, fraction = text.lstrip("-").partition(".")
    if whole == "0":
        digits = fraction.lstrip("0")
        exponent = len(digits) - len(fraction) - 1
    else:
        digits = whole + fraction
        exponent = len(whole) - 1
    coded = digits.rstrip("0").encode()
    place = exponent - SMALLEST_EXPONENT
    if negative:
        return b"\x01" + bytes((255 - place,)) + coded.translate(_COMPLEMENT) + b"\xff"
    return b"\x81" + bytes((place,)) + coded


def size(text: str) -> int:
    """Bytes that a number counts for: one for two digits, before and after the point apart, one more, and one for the sign.

    As measured on AWS: "item sizes and formats" in the Developer Guide says "approximately".
    """
    if text == "0":
        return 1
    whole, _, fraction = text.lstrip("-").partition(".")
    if not fraction:
        pairs = (len(whole.rstrip("0")) + 1) // 2
    elif whole == "0":
        pairs = (len(fraction.lstrip("0")) + 1) // 2
    else:
        pairs = (len(whole) + 1) // 2 + (len(fraction) + 1) // 2
    return pairs + 1 + (text[0] == "-")
