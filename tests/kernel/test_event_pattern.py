"""The event pattern language, after the examples of EventBridge's user guide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudjar.kernel.event_pattern import PatternProblem, compile_pattern

EVENT = {
    "source": "aws.ec2",
    "n": 5,
    "price": 3.5,
    "none": None,
    "yes": True,
    "empty": "",
    "tags": ["red", "blue"],
    "nothing": [],
    "detail": {"state": "Running", "ip": "10.0.0.7", "path": "dir/a.png", "list": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{"source": ["aws.ec2"]}', True),
        ('{"source": ["aws.s3", "aws.ec2"]}', True),
        ('{"source": ["aws.s3"]}', False),
        ('{"n": [5]}', True),
        ('{"n": [5.0]}', False),
        ('{"n": ["5"]}', False),
        ('{"yes": [true]}', True),
        ('{"yes": [1]}', False),
        ('{"none": [null]}', True),
        ('{"empty": [""]}', True),
        ('{"tags": ["blue"]}', True),
        ('{"tags": ["green"]}', False),
        ('{"source": [{"prefix": "aws."}]}', True),
        ('{"source": [{"prefix": {"equals-ignore-case": "AWS."}}]}', True),
        ('{"detail": {"path": [{"suffix": ".png"}]}}', True),
        ('{"detail": {"path": [{"suffix": {"equals-ignore-case": ".PNG"}}]}}', True),
        ('{"detail": {"state": [{"equals-ignore-case": "running"}]}}', True),
        ('{"detail": {"path": [{"wildcard": "dir/*.png"}]}}', True),
        ('{"detail": {"path": [{"wildcard": "dir/*.jpg"}]}}', False),
        ('{"detail": {"path": [{"wildcard": "dir/\\\\*.png"}]}}', False),
        ('{"detail": {"state": [{"anything-but": "Stopped"}]}}', True),
        ('{"detail": {"state": [{"anything-but": ["Stopped", "Running"]}]}}', False),
        ('{"n": [{"anything-but": [5, 6]}]}', False),
        ('{"detail": {"state": [{"anything-but": {"prefix": "Run"}}]}}', False),
        ('{"detail": {"state": [{"anything-but": {"prefix": ["Sto", "Ter"]}}]}}', True),
        ('{"detail": {"state": [{"anything-but": {"suffix": "ing"}}]}}', False),
        ('{"detail": {"state": [{"anything-but": {"equals-ignore-case": "RUNNING"}}]}}', False),
        ('{"detail": {"path": [{"anything-but": {"wildcard": "*.png"}}]}}', False),
        ('{"detail": {"missing": [{"anything-but": "x"}]}}', False),
        ('{"n": [{"numeric": [">", 0, "<=", 5]}]}', True),
        ('{"price": [{"numeric": ["=", 3.5]}]}', True),
        ('{"n": [{"numeric": ["<", 5]}]}', False),
        ('{"n": [{"exists": true}]}', True),
        ('{"missing": [{"exists": true}]}', False),
        ('{"missing": [{"exists": false}]}', True),
        ('{"missing": {"deeper": [{"exists": false}]}}', True),
        ('{"n": [{"exists": false}]}', False),
        ('{"detail": [{"exists": true}]}', False),
        ('{"nothing": [{"exists": false}]}', True),
        ('{"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}}', True),
        ('{"detail": {"ip": [{"cidr": "10.0.1.0/24"}]}}', False),
        ('{"$or": [{"source": ["x"]}, {"n": [5]}]}', True),
        ('{"source": ["aws.ec2"], "$or": [{"n": [1]}, {"n": [2]}]}', False),
        ('{"detail": {"$or": [{"state": ["Running"]}, {"state": ["Stopped"]}]}}', True),
        ('{"detail": {"list": {"a": [1], "b": [2]}}}', True),
        ('{"detail": {"list": {"a": [1], "b": [4]}}}', False),
    ],
)
def test_a_pattern_matches_as_the_user_guide_says(pattern, expected):
    assert compile_pattern(pattern)(EVENT) is expected


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("{", "Expecting"),
        ("[]", "Filter is not an object"),
        ("{}", "Empty patterns"),
        ('{"source": "x"}', '"source" must be an object or an array'),
        ('{"source": []}', "Empty arrays are not allowed"),
        ('{"source": [{"begins": "x"}]}', "Unrecognized match type begins"),
        ('{"source": [{"prefix": 1}]}', "prefix match pattern must be a string"),
        ('{"n": [{"numeric": [">"]}]}', "numeric"),
        ('{"n": [{"numeric": [">", 5, "<", 5]}]}', "Bottom must be less than top"),
        ('{"n": [{"exists": "yes"}]}', "exists match pattern"),
        ('{"n": [{"cidr": "10"}, {"cidr": "x"}]}', "Malformed CIDR"),
        ('{"n": [{"wildcard": "a**b"}]}', "Consecutive wildcard characters at pos 1"),
        ('{"n": [{"anything-but": [1, "a"]}]}', "either all values are number or string"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_reason(pattern, reason):
    with pytest.raises(PatternProblem, match=reason.replace("*", r"\*")):
        compile_pattern(pattern)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "$or", "prefix", "numeric", "anything-but", "exists", "wildcard", "cidr", "suffix"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(JSON, JSON)
def test_any_json_is_a_pattern_or_is_refused(pattern, event):
    import json

    try:
        matches = compile_pattern(json.dumps(pattern))
    except PatternProblem:
        return
    assert matches(event) in (True, False)
