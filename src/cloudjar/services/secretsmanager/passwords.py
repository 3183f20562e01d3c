"""GetRandomPassword."""

from __future__ import annotations

import string
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.ids import secret_text
from cloudjar.kernel.marks import operation
from cloudjar.services.secretsmanager import errors

DEFAULT_LENGTH = 32


@operation()
def get_random_password(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    length = req.get("PasswordLength") or DEFAULT_LENGTH
    excluded = set(req.get("ExcludeCharacters") or "")
    types = [
        (string.ascii_lowercase, not req.get("ExcludeLowercase")),
        (string.ascii_uppercase, not req.get("ExcludeUppercase")),
        (string.digits, not req.get("ExcludeNumbers")),
        (string.punctuation, not req.get("ExcludePunctuation")),
        (" ", bool(req.get("IncludeSpace"))),
    ]
    included = ["".join(letter for letter in letters if letter not in excluded) for letters, wanted in types if wanted]
    included = [letters for letters in included if letters]
    alphabet = "".join(included)
    if not alphabet:
        raise errors.no_characters()
    if not req.get("RequireEachIncludedType", True):
        return {"RandomPassword": secret_text(alphabet, length)}
    if length < len(included):
        raise errors.password_too_short()
    # Drawn until each type is in it: no place in the password is likelier for one of them. Short ones take a few rounds.
    for _ in range(_ROUNDS):
        password = secret_text(alphabet, length)
        if all(set(password) & set(letters) for letters in included):
            return {"RandomPassword": password}
    return {"RandomPassword": _one_of_each(included, alphabet, length)}


_ROUNDS = 50


def _one_of_each(included: list[str], alphabet: str, length: int) -> str:
    letters = [secret_text(each, 1) for each in included] + list(secret_text(alphabet, length - len(included)))
    shuffled = ""
    places = "".join(chr(place) for place in range(len(letters)))
    while places:
        place = secret_text(places, 1)
        places = places.replace(place, "")
        shuffled += letters[ord(place)]
    return shuffled
