"""The Ruby runtime, on the Ruby of this machine."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Functions

pytestmark = pytest.mark.skipif(shutil.which("ruby") is None, reason="no Ruby on this machine: apt-get install ruby")


def make(functions: Functions, source: str, handler: str = "app.handler", **options: Any) -> None:
    functions.create("f", {"app.rb": source}, Runtime="ruby3.3", Handler=handler, **options)


def test_a_method_of_a_file_is_called(functions: Functions) -> None:
    make(functions, "def handler(event:, context:)\n  { got: event['a'], 'é' => nil }\nend\n")
    assert functions.invoke("f", {"a": [1, "ü"]}).value == {"got": [1, "ü"], "é": None}


def test_a_method_of_a_class_is_called(functions: Functions) -> None:
    source = "module My\n  class Handler\n    def self.process(event:, context:)\n      'hello ' + event\n    end\n  end\nend\n"
    make(functions, source, "app.My::Handler.process")
    assert functions.invoke("f", "you").value == "hello you"


def test_the_context_is_as_documented(functions: Functions) -> None:
    source = """def handler(event:, context:)
  names = %i[aws_request_id invoked_function_arn log_group_name function_name memory_limit_in_mb function_version client_context]
  names.map { |name| [name, context.send(name)] }.to_h.merge(left: context.get_remaining_time_in_millis, deadline: context.deadline_ms)
end
"""
    make(functions, source)
    context = base64.b64encode(json.dumps({"custom": {"a": "b"}}).encode()).decode()
    result = functions.invoke("f", ClientContext=context)
    value = result.value
    assert 0 < value.pop("left") <= 10_000 and value.pop("deadline") > 1_000_000_000_000
    assert value == {
        "aws_request_id": result.request_id,
        "invoked_function_arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "log_group_name": "/aws/lambda/f",
        "function_name": "f",
        "memory_limit_in_mb": "128",
        "function_version": "$LATEST",
        "client_context": {"custom": {"a": "b"}},
    }


def test_an_error_has_its_type_and_trace(functions: Functions) -> None:
    make(functions, "def deep\n  raise ArgumentError, 'no'\nend\n\ndef handler(event:, context:)\n  deep\nend\n")
    result = functions.invoke("f")
    assert result.error == "Unhandled"
    assert (result.value["errorMessage"], result.value["errorType"]) == ("no", "Function<ArgumentError>")
    first, second, *rest = result.value["stackTrace"]
    assert first.startswith("/var/task/app.rb:2:in ") and second.startswith("/var/task/app.rb:6:in ") and rest == []
    assert "Error raised from handler method" in result.log
    assert functions.invoke("f").error == "Unhandled"


@pytest.mark.parametrize(
    ("source", "handler", "kind", "message"),
    [
        ("", "nofile.handler", "Init<LoadError>", "cannot load such file -- /var/task/nofile"),
        ("", "app", "Init<ArgumentError>", "Invalid handler app, must be of form"),
        ("def (", "app.handler", "Init<SyntaxError>", "app.rb"),
        ("raise 'broken'", "app.handler", "Init<RuntimeError>", "broken"),
        ("", "app.handler", "Function<NoMethodError>", "undefined method"),
    ],
)
def test_what_cannot_be_loaded_is_told(functions: Functions, source: str, handler: str, kind: str, message: str) -> None:
    make(functions, source + "\n", handler)
    value = functions.invoke("f").value
    assert value["errorType"] == kind and message in value["errorMessage"]


def test_exit_ends_the_runtime(functions: Functions) -> None:
    make(functions, "$n = 0\ndef handler(event:, context:)\n  $n += 1\n  exit 3 if event == 'stop'\n  $n\nend\n")
    assert [functions.invoke("f").value, functions.invoke("f").value] == [1, 2]
    assert functions.invoke("f", "stop").value["errorType"] == "Function<SystemExit>"
    assert functions.invoke("f").value == 1


def test_a_logger_tells_the_request(functions: Functions, log_lines: Callable[[str], list[str]]) -> None:
    make(functions, "require 'logger'\nL = Logger.new($stdout)\ndef handler(event:, context:)\n  L.warn('careful')\n  warn 'too'\nend\n")
    result = functions.invoke("f")
    assert f" WARN {result.request_id} -- : careful" in result.log and "\ntoo\n" in result.log


def test_init_start_names_the_ruby_that_runs(functions: Functions, log_lines: Callable[[str], list[str]]) -> None:
    make(functions, "def handler(event:, context:)\n  [ENV['AWS_EXECUTION_ENV'], ENV['GEM_PATH'], RUBY_VERSION]\nend\n")
    name, gems, real = functions.invoke("f").value
    assert (name, gems) == ("AWS_Lambda_ruby3.3", "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0")
    assert f"ruby3.3 (Ruby {'.'.join(real.split('.')[:2])} of this machine)" in log_lines("/aws/lambda/f")[0]
