"""Java functions: interfaces, plain methods, values, errors. The interfaces are declared here as aws-lambda-java-core has them."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cloudjar.gateway.inprocess import LocalWorld
from cloudjar.services.lambda_ import interpreters
from cloudjar.services.lambda_.environment import BOOTSTRAPS
from cloudjar.services.lambda_.runtimes import RUNTIMES

from .conftest import Functions

pytestmark = pytest.mark.skipif(interpreters.missing(RUNTIMES["java17"]) != "", reason="no JDK 17 or later on this machine")

CORE = {
    "Context": "String getAwsRequestId(); String getFunctionName(); int getRemainingTimeInMillis(); int getMemoryLimitInMB(); "
    "LambdaLogger getLogger(); String getInvokedFunctionArn();",
    "LambdaLogger": "void log(String message); void log(byte[] message);",
    "RequestHandler<I, O>": "O handleRequest(I input, Context context);",
    "RequestStreamHandler": "void handleRequest(java.io.InputStream in, java.io.OutputStream out, Context c) throws java.io.IOException;",
}
HANDLERS = """
package example;
import com.amazonaws.services.lambda.runtime.*;
import java.io.*;
import java.util.*;

public class Handlers {
    public static class Name {
        private String first; private int age; private List<Name> kin;
        public String getFirst() { return first; }
        public void setFirst(String value) { first = value; }
        public int getAge() { return age; }
        public void setAge(int value) { age = value; }
        public List<Name> getKin() { return kin; }
        public void setKin(List<Name> value) { kin = value; }
    }
    public static class Maps implements RequestHandler<Map<String, Object>, Map<String, Object>> {
        private int calls;
        public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
            Map<String, Object> out = new TreeMap<>(event);
            out.put("name", context.getFunctionName());
            out.put("calls", ++calls);
            out.put("left", context.getRemainingTimeInMillis() > 0);
            context.getLogger().log("logged " + context.getAwsRequestId());
            System.out.println("printed");
            return out;
        }
    }
    public static class Streams implements RequestStreamHandler {
        public void handleRequest(InputStream in, OutputStream out, Context context) throws IOException {
            out.write("{\\"got\\":".getBytes()); in.transferTo(out); out.write('}');
        }
    }
    public static class Failing implements RequestHandler<Object, Object> {
        public Object handleRequest(Object event, Context context) {
            throw new IllegalStateException("no good", new IOException("the disk"));
        }
    }
    public static class Runs implements RequestHandler<Object, String> {
        public String handleRequest(Object event, Context context) {
            try {
                return System.getenv("AWS_EXECUTION_ENV") + "|" + new String(new FileInputStream("/etc/os-release").readAllBytes());
            } catch (IOException e) { return e.toString(); }
        }
    }
    public static class Hooked implements RequestHandler<Object, Object>, org.crac.Resource {
        static final List<String> SEEN = new ArrayList<>();
        private final String name;
        public Hooked() { this("handler"); new Hooked("second"); }
        private Hooked(String name) { this.name = name; org.crac.Core.getGlobalContext().register(this); }
        public void beforeCheckpoint(org.crac.Context<? extends org.crac.Resource> context) throws Exception {
            SEEN.add("before " + name);
            if ("before".equals(System.getenv("FAIL"))) throw new IOException("cannot stop");
        }
        public void afterRestore(org.crac.Context<? extends org.crac.Resource> context) throws Exception {
            SEEN.add("after " + name);
            if ("after".equals(System.getenv("FAIL"))) throw new IOException("cannot go on");
        }
        public Object handleRequest(Object event, Context context) { return SEEN; }
    }
    public Name older(Name name) { name.setAge(name.getAge() + 1); name.getKin().get(0).setAge(7); return name; }
    public static int twice(int number, Context context) { return number * 2; }
}
"""


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | bytes]:
    """A package with the handlers, compiled."""
    directory = tmp_path_factory.mktemp("java")
    sources = [directory / "Handlers.java"]
    sources[0].write_text(HANDLERS)
    for name, body in CORE.items():
        file = directory / f"{name.partition('<')[0]}.java"
        file.write_text(f"package com.amazonaws.services.lambda.runtime;\npublic interface {name} {{ {body} }}\n")
        sources.append(file)
    found = interpreters.find(RUNTIMES["java17"])
    assert found is not None
    out = directory / "classes"
    subprocess.run([found.compiler, "-d", str(out), *map(str, sources), *map(str, (BOOTSTRAPS / "java/org").rglob("*.java"))], check=True)
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.class") if "crac" not in path.parts}


@pytest.fixture
def java(functions: Functions, classes: dict[str, str | bytes]) -> Any:
    """Makes a Java function of one of the handlers."""

    def make(handler: str, **options: Any) -> None:
        functions.create("java", classes, **{"Runtime": "java17", "Handler": handler, "Timeout": 20, "MemorySize": 256, **options})

    return make


def test_a_request_handler_gets_values_and_its_context(functions: Functions, java: Any) -> None:
    java("example.Handlers$Maps")
    event = {"k": ["é", 1, 2.5, None, True], "big": 12345678901}
    assert functions.invoke("java", event).value == {**event, "name": "java", "calls": 1, "left": True}
    result = functions.invoke("java", {})
    assert result.value["calls"] == 2
    assert f"logged {result.request_id}\nprinted\n" in result.log


def test_a_stream_handler_reads_and_writes_bytes(functions: Functions, java: Any) -> None:
    java("example.Handlers$Streams::handleRequest")
    assert functions.invoke("java", {"a": 1}).value == {"got": {"a": 1}}


def test_a_plain_method_takes_and_gives_objects(functions: Functions, java: Any) -> None:
    java("example.Handlers::older")
    event = {"first": "Ada", "age": 36, "kin": [{"first": "George"}], "unknown": 1}
    assert functions.invoke("java", event).value == {"first": "Ada", "age": 37, "kin": [{"first": "George", "age": 7, "kin": None}]}


def test_a_static_method_takes_a_number(functions: Functions, java: Any) -> None:
    java("example.Handlers::twice")
    assert functions.invoke("java", 21).value == 42


def test_an_exception_is_reported_with_its_frames_and_its_cause(functions: Functions, java: Any) -> None:
    java("example.Handlers$Failing")
    result = functions.invoke("java", {})
    assert result.error == "Unhandled"
    assert (result.value["errorType"], result.value["errorMessage"]) == ("java.lang.IllegalStateException", "no good")
    assert result.value["stackTrace"][0].startswith("example.Handlers$Failing.handleRequest(Handlers.java:")
    assert len(result.value["stackTrace"]) == 1
    assert result.value["cause"]["errorType"] == "java.io.IOException"
    assert "no good: java.lang.IllegalStateException\n" in result.log


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("example.Missing::handle", "java.lang.ClassNotFoundException", "Class not found: example.Missing"),
        (
            "example.Handlers::missing",
            "java.lang.NoSuchMethodException",
            "No public method named missing with appropriate method signature found on class example.Handlers",
        ),
    ],
)
def test_a_handler_that_is_missing_is_named(functions: Functions, java: Any, handler: str, kind: str, message: str) -> None:
    java(handler)
    assert functions.invoke("java", {}).value == {"errorMessage": message, "errorType": kind}


def test_an_event_that_does_not_fit_is_refused(functions: Functions, java: Any) -> None:
    java("example.Handlers::twice")
    result = functions.invoke("java", "many")
    assert result.error == "Unhandled"
    assert result.value["errorMessage"].startswith("An error occurred during JSON parsing")


@pytest.mark.parametrize(("runtime", "system"), [("java8", "Amazon Linux AMI 2018.03"), ("java8.al2", "Amazon Linux 2")])
def test_an_older_runtime_runs_on_the_jdk_that_is_there_and_says_so(
    functions: Functions, java: Any, log_lines: Any, runtime: str, system: str
) -> None:
    functions.world.clock.set(datetime(2022, 6, 1, tzinfo=UTC))
    java("example.Handlers$Runs", Runtime=runtime)
    value = functions.invoke("java", {}).value
    assert value.startswith(f"AWS_Lambda_{runtime}|")
    assert f'PRETTY_NAME="{system}"' in value
    assert log_lines("/aws/lambda/java")[0].startswith(f"INIT_START Runtime Version: {runtime} (Java ")


def test_a_function_that_moves_to_java8_al2_keeps_its_arn_and_policy(functions: Functions, java: Any) -> None:
    functions.world.clock.set(datetime(2022, 6, 1, tzinfo=UTC))
    client = functions.client
    java("example.Handlers$Runs", Runtime="java8")
    arn = client.get_function(FunctionName="java")["Configuration"]["FunctionArn"]
    client.add_permission(FunctionName="java", StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com")
    policy = client.get_policy(FunctionName="java")["Policy"]
    assert "Amazon Linux AMI 2018.03" in functions.invoke("java", {}).value
    moved = client.update_function_configuration(FunctionName="java", Runtime="java8.al2")
    assert (moved["FunctionArn"], moved["LastUpdateStatus"]) == (arn, "InProgress")
    functions.world.settle()
    assert client.get_function_configuration(FunctionName="java")["LastUpdateStatus"] == "Successful"
    assert client.get_policy(FunctionName="java")["Policy"] == policy
    result = functions.invoke("java", {})
    assert "Amazon Linux 2\n" in result.value.replace('"', "\n")
    assert "Init Duration" in result.log


def test_the_runtime_may_be_compiled_by_several_at_once(tmp_path: Path) -> None:
    found = interpreters.find(RUNTIMES["java17"])
    assert found is not None
    target = tmp_path / "cache" / "java"
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: interpreters.compile_java(found.compiler, BOOTSTRAPS / "java", target), range(2)))
    assert (target / "Runtime.class").exists()
    assert [path.name for path in target.parent.iterdir()] == ["java"]


def test_a_jar_in_lib_is_on_the_class_path(functions: Functions, classes: dict[str, str | bytes], tmp_path: Path) -> None:
    from .conftest import package

    functions.create("java", {"lib/all.jar": package(classes)}, Runtime="java17", Handler="example.Handlers::twice", MemorySize=256)
    assert functions.invoke("java", 4).value == 8


def test_snap_start_initialises_a_published_version(functions: Functions, java: Any, world: LocalWorld) -> None:
    java("example.Handlers$Maps", SnapStart={"ApplyOn": "PublishedVersions"}, Publish=True)
    world.settle()
    result = functions.invoke("java", {}, Qualifier="1")
    assert result.value["calls"] == 1
    assert "RESTORE_REPORT Restore Duration: " in result.log and "Init Duration" not in result.log


def test_hooks_of_crac_run_around_the_snapshot(functions: Functions, java: Any, world: LocalWorld) -> None:
    java("example.Handlers$Hooked", SnapStart={"ApplyOn": "PublishedVersions"}, Publish=True)
    world.settle()
    # The last registered goes first before, and last after.
    expected = ["before second", "before handler", "after handler", "after second"]
    assert functions.invoke("java", {}, Qualifier="1").value == expected
    assert functions.invoke("java", {}).value == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_hook_of_crac_that_fails(functions: Functions, java: Any, world: LocalWorld, when: str) -> None:
    java("example.Handlers$Hooked", SnapStart={"ApplyOn": "PublishedVersions"}, Publish=True, Environment={"Variables": {"FAIL": when}})
    world.settle()
    if when == "before":
        configuration = functions.client.get_function_configuration(FunctionName="java", Qualifier="1")
        assert configuration["State"] == "Failed"
    else:
        with pytest.raises(functions.client.exceptions.SnapStartException, match="runtime hook encountered an error"):
            functions.invoke("java", {}, Qualifier="1")
