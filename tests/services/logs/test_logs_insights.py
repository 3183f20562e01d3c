import pytest

LINES = [
    '{"level": "ERROR", "ms": 120, "user": {"name": "ann"}, "ip": "10.0.0.1"}',
    '{"level": "INFO", "ms": 20, "user": {"name": "bob"}, "ip": "10.0.1.1"}',
    '{"level": "INFO", "ms": 40, "user": {"name": "ann"}, "ip": "10.0.0.2"}',
    "GET /index.html took 17 ms",
    "REPORT RequestId: r-1\tDuration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB",
]


@pytest.fixture
def logs(world):
    world.clock.freeze()
    return world.client("logs")


@pytest.fixture
def ask(world, logs):
    now = int(world.clock.now().timestamp())
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    events = [{"timestamp": (now - 600) * 1000 + at * 60_000, "message": line} for at, line in enumerate(LINES)]
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)

    def run(query, **more):
        started = logs.start_query(logGroupName="g", startTime=now - 3600, endTime=now, queryString=query, **more)
        world.settle()
        answer = logs.get_query_results(queryId=started["queryId"])
        assert answer["status"] == "Complete"
        return [{item["field"]: item["value"] for item in row if item["field"] != "@ptr"} for row in answer["results"]]

    return run


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("fields level, ms | filter level = 'ERROR'", [{"level": "ERROR", "ms": "120"}]),
        ("fields user.name | filter ms > 30 and level like /INFO|ERROR/ | sort ms asc", [{"user.name": "ann"}, {"user.name": "ann"}]),
        ("filter @message like 'index' | display @logStream, @log", [{"@logStream": "s", "@log": "000000000000:g"}]),
        ("fields ms | filter level in ['INFO'] | sort ms desc | limit 1", [{"ms": "40"}]),
        ("fields ms * 2 as twice | filter ispresent(ms) and not level = 'INFO'", [{"twice": "240"}]),
        (
            "filter ispresent(level) | stats count(*) as n by level | sort n desc",
            [{"level": "INFO", "n": "2"}, {"level": "ERROR", "n": "1"}],
        ),
        (
            "stats sum(ms), avg(ms) as mean, max(ms) as top, pct(ms, 50) as half",
            [{"sum(ms)": "180", "mean": "60", "top": "120", "half": "40"}],
        ),
        ("stats count_distinct(user.name) as people", [{"people": "2"}]),
        ("stats max(ms) as top, min(ms) as low, top - low as width", [{"top": "120", "low": "20", "width": "100"}]),
        ("stats sum(ms) / count(ms) as mean, (max(ms) - min(ms)) / 2", [{"mean": "60", "(max(ms) - min(ms)) / 2": "50"}]),
        ("filterIndex level = 'ERROR' | stats count(*) as n", [{"n": "1"}]),
        ("fields now() - toMillis(@timestamp) / 1000 as age | sort @timestamp asc | limit 1 | display age", [{"age": "600"}]),
        (
            "filter ispresent(level) | fields concat('call ', ms, ' of ', level) as text | pattern text",
            [
                {"@pattern": "call <Number-1> of INFO", "@ratio": "0.6667", "@sampleCount": "2", "@severityLabel": "INFO"},
                {"@pattern": "call <Number-1> of ERROR", "@ratio": "0.3333", "@sampleCount": "1", "@severityLabel": "ERROR"},
            ],
        ),
        ("filter @message like /took/ | parse @message '* * took * ms' as verb, path, took | display verb, path, took", None),
        ("filter @message like /took/ | parse @message /(?<verb>[A-Z]+) (?<path>\\S+)/ | display verb", [{"verb": "GET"}]),
        ("filter @type = 'REPORT' | display @duration, @memorySize, @requestId", None),
        ("filter isIpv4InSubnet(ip, '10.0.0.0/24') | stats count(*) as n", [{"n": "2"}]),
        ("fields toupper(user.name) as name | filter ispresent(level) | dedup name | sort name", [{"name": "ANN"}, {"name": "BOB"}]),
        ("filter ispresent(ms) | stats count(*) as n by bin(1h) | display n", [{"n": "3"}]),
        ("filter ms / 2 = 60 | display level", [{"level": "ERROR"}]),
        ("# everything\nfields level | filter level =~ /(?i)error/", [{"level": "ERROR"}]),
    ],
)
def test_a_query_gives_what_the_user_guide_says(ask, query, expected):
    found = ask(query)
    if "verb, path" in query:
        expected = [{"verb": "GET", "path": "/index.html", "took": "17"}]
    if "@duration" in query:
        expected = [{"@duration": "12.5", "@memorySize": "128000000", "@requestId": "r-1"}]
    if "bin(1h)" in query:
        assert sum(int(row["n"]) for row in found) == 3
    else:
        assert found == expected


def test_the_newest_come_first_and_no_more_than_the_limit(ask):
    assert [row["@message"] for row in ask("fields @timestamp, @message", limit=2)] == [LINES[4], LINES[3]]


@pytest.mark.parametrize("query", ["fild @message", "filter level =", "stats nothing(x)", "parse @message '*' as a, b", "limit x", "| |"])
def test_a_query_that_is_none_is_refused(ask, aws_error, query):
    with aws_error("MalformedQueryException"):
        ask(query)


def test_queries_are_listed_and_forgotten_in_a_week(world, logs, ask):
    ask("fields @message")
    assert [query["status"] for query in logs.describe_queries(logGroupName="g")["queries"]] == ["Complete"]
    world.clock.advance(days=8)
    assert logs.describe_queries()["queries"] == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("fields jsonParse(@message) as j | unnest j.items into item | display j.id, item", ["7 a", "7 b", "8 c"]),
        ("unnest items into item | filter item != 'b' | display id, item | sort item desc", ["8 c", "7 a"]),
        ("fields jsonStringify(jsonParse('[1,  2]')) as text | limit 1 | display text", ["[1,2]"]),
        ("fields datefloor(@timestamp, 1h) = bin(1h) as same, dateceil('2026-03-01 12:00:01.000', 1h) as up | limit 1 | display same, up",
         ["1 2026-03-01 13:00:00.000"]),
    ],
)  # fmt: skip
def test_lists_are_unnested_and_functions_work(world, logs, query, expected):
    now = int(world.clock.now().timestamp())
    logs.create_log_group(logGroupName="lists")
    logs.create_log_stream(logGroupName="lists", logStreamName="s")
    lines = ['{"id": 7, "items": ["a", "b"]}', '{"id": 8, "items": ["c"]}']
    # Results are newest first.
    events = [{"timestamp": now * 1000 - at, "message": line} for at, line in reversed(list(enumerate(lines)))]
    logs.put_log_events(logGroupName="lists", logStreamName="s", logEvents=events)
    started = logs.start_query(logGroupName="lists", startTime=now - 60, endTime=now, queryString=query)
    world.settle()
    rows = logs.get_query_results(queryId=started["queryId"])["results"]
    assert [" ".join(cell["value"] for cell in row if cell["field"] != "@ptr") for row in rows] == expected


def test_results_come_in_pages(world, logs, ask, aws_error):
    now = int(world.clock.now().timestamp())
    query = {"logGroupName": "g", "startTime": now - 3600, "endTime": now, "queryString": "fields ms | limit 5"}
    ids = [logs.start_query(**query)["queryId"] for _ in range(2)]
    world.settle()
    pages, more = [], {}
    while True:
        page = logs.get_query_results(queryId=ids[0], maxItems=2, **more)
        pages.append(page["results"])
        if "nextToken" not in page:
            break
        more = {"nextToken": page["nextToken"]}
    assert [len(page) for page in pages] == [2, 2, 1]
    whole = logs.get_query_results(queryId=ids[0])
    assert [row for page in pages for row in page] == whole["results"]
    assert "nextToken" not in whole
    with aws_error("InvalidParameterException", "nextToken"):
        logs.get_query_results(queryId=ids[1], **more)


def test_a_query_may_choose_its_groups(world, logs, ask, aws_error):
    logs.create_log_group(logGroupName="other")
    query = "SOURCE logGroups(namePrefix: ['oth', 'gone']) | stats count(*) as n"
    started = logs.start_query(startTime=0, endTime=2**32, queryString=query)["queryId"]
    world.settle()
    assert logs.list_log_groups_for_query(queryId=started)["logGroupIdentifiers"] == ["other"]
    with aws_error("InvalidParameterException"):
        logs.start_query(logGroupName="g", startTime=0, endTime=2**32, queryString=query)
    with aws_error("NotImplemented"):
        logs.start_query(startTime=0, endTime=2**32, queryString="SOURCE logGroups(accountIdentifier: ['1']) | limit 1")
