"""The cache of compiled policies."""

from __future__ import annotations

from cloudjar.identity.policy import CompiledPolicies


def test_compiled_policies_are_kept_up_to_a_limit():
    cache = CompiledPolicies(limit=2)
    texts = [f'{{"Statement":{{"Effect":"Allow","Action":"s3:Get{n}","Resource":"*"}}}}' for n in range(3)]
    first = cache.get(texts[0], "identity")
    assert cache.get(texts[0], "identity") is first
    cache.get(texts[1], "identity")
    cache.get(texts[2], "identity")
    assert cache.get(texts[0], "identity") is not first
