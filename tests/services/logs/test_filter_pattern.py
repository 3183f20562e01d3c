"""The filter pattern language, after the examples of AWS's user guide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudjar.kernel.errors import AwsError
from cloudjar.services.logs.filter_pattern import compile_pattern

JSON = (
    '{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","arrayKey":["value","another value"],'
    '"objectList":[{"name":"a","id":1},{"name":"b","id":2}],"SomeObject":null,"cluster.name":"c","ok":true,"n":4.5}'
)
ACCESS = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        ("", "anything", True),
        ("ERROR", "[ERROR 400] BAD REQUEST", True),
        ("ERROR", "error", False),
        ("ERROR REQUEST", "[ERROR 400] BAD REQUEST", True),
        ("ERROR REQUEST", "[ERROR 401] UNAUTHORIZED", False),
        ('"INTERNAL SERVER ERROR"', "[ERROR 500] INTERNAL SERVER ERROR", True),
        ('"INTERNAL SERVER ERROR"', "[ERROR] SERVER INTERNAL", False),
        ("?ERROR ?WARN", "WARN only", True),
        ("?ERROR ?WARN", "INFO only", False),
        ("ERROR -EXITING", "ERROR 419 EXITING", False),
        ("ERROR -EXITING", "ERROR 419", True),
        ('ERROR -"exit 0"', "ERROR exit 0", False),
        (r"%AUTHORIZED%", "[ERROR] UNAUTHORIZED", True),
        (r"%4[0-9]{2}%", "code 404", True),
        (r"%4[0-9]{2}%", "code 44", False),
        ('{ $.eventType = "UpdateTrail" }', JSON, True),
        ('{ $.eventType = "Update*" }', JSON, True),
        ('{ $.eventType != "UpdateTrail" }', JSON, False),
        ("{ $.sourceIPAddress != 123.123.* }", JSON, True),
        ('{ $.arrayKey[0] = "value" }', JSON, True),
        ('{ $.arrayKey[*] = "another*" }', JSON, True),
        ("{ $.objectList[1].id = 2 }", JSON, True),
        ("{ $.objectList[0].id = 2 }", JSON, False),
        ("{ $.SomeObject IS NULL }", JSON, True),
        ("{ $.Nothing NOT EXISTS }", JSON, True),
        ("{ $.eventType NOT EXISTS }", JSON, False),
        ("{ $.ok IS TRUE }", JSON, True),
        ("{ $.n >= 4.5 && $.n < 5 }", JSON, True),
        ("{ ($.n > 100 || $.ok IS TRUE) && $.eventType = %Update.*% }", JSON, True),
        ('{ $.["cluster.name"] = "c" }', JSON, True),
        ('{ $.eventType = "UpdateTrail" }', "not JSON", False),
        ("{ $.Nothing NOT EXISTS }", "not JSON", True),
        ("[ip, env, user, date, request, status = 404, bytes]", ACCESS, True),
        ("[ip, env, user, date, request, status = 4*, bytes > 1000]", ACCESS, True),
        ("[ip, env, user, date, request, status = 5*, bytes]", ACCESS, False),
        ('[ip=127.0.*, ..., request="GET*", status, bytes]', ACCESS, True),
        ("[..., status=404, bytes]", ACCESS, True),
        ("[ip, env]", ACCESS, False),
        ("[w1=ERROR || w1=%WARN%, w2]", "WARNING disk", True),
    ],
)
def test_a_pattern_matches_as_the_user_guide_says(pattern, message, expected):
    assert compile_pattern(pattern)(message) is expected


@pytest.mark.parametrize(
    "pattern", ["{ $.a = }", "{ $.a", "[a, b", "{ a = 1 }", "{ ($.a = 1 }", "{ $.a = 1 && }", "%(%", "%(a+)+%", "[a=1 b=2]", "x" * 1025]
)
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(AwsError) as caught:
        compile_pattern(pattern)
    assert caught.value.code == "InvalidParameterException"


@given(st.text(alphabet='{}[]$.=!<>&|()"%*?-, aA1IS NULL', max_size=40), st.text(max_size=40))
def test_any_text_is_a_pattern_or_is_refused(pattern, message):
    try:
        test = compile_pattern(pattern)
    except AwsError as error:
        assert error.code == "InvalidParameterException"
    else:
        assert test(message) in (True, False)
