# frozen_string_literal: true

# The Ruby runtime: loads the handler, then serves invocations from the Runtime API. The standard library only, one socket.

require 'json'
require 'socket'

module LambdaRuntime
  API = '/2018-06-01/runtime/'

  # One keep-alive connection.
  class Client
    def initialize(address)
      @host, _, port = address.rpartition(':')
      @socket = TCPSocket.new(@host, port.to_i)
      @socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
    end

    def request(method, path, headers = {}, body = nil)
      head = +"#{method} #{API}#{path} HTTP/1.1\r\nHost: #{@host}\r\n"
      headers.each { |name, value| head << "#{name}: #{value}\r\n" }
      head << "Content-Length: #{body.bytesize}\r\n" if body
      @socket.write(head << "\r\n", *body)
      answer
    end

    def post(path, body, type, error_type = nil)
      headers = { 'Content-Type' => type }
      headers['Lambda-Runtime-Function-Error-Type'] = error_type.gsub(/[^ -~]/, '?') if error_type
      request('POST', path, headers, body)
    end

    private

    def answer
      first = @socket.gets("\r\n")
      # The sandbox is being ended.
      exit!(1) if first.nil?
      headers = {}
      while (line = @socket.gets("\r\n")) && line != "\r\n"
        name, _, value = line.chomp.partition(':')
        headers[name.downcase] = value.strip
      end
      [first.split(' ')[1].to_i, headers, @socket.read(headers['content-length'].to_i)]
    end
  end

  # https://docs.aws.amazon.com/lambda/latest/dg/ruby-context.html
  class LambdaContext
    attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name, :memory_limit_in_mb,
                :function_version, :identity, :client_context, :deadline_ms, :tenant_id

    def initialize(headers)
      @clock_diff = Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond) - Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)
      @deadline_ms = headers['lambda-runtime-deadline-ms'].to_i
      @aws_request_id = headers['lambda-runtime-aws-request-id']
      @tenant_id = headers['lambda-runtime-aws-tenant-id']
      @invoked_function_arn = headers['lambda-runtime-invoked-function-arn']
      @log_group_name = ENV['AWS_LAMBDA_LOG_GROUP_NAME']
      @log_stream_name = ENV['AWS_LAMBDA_LOG_STREAM_NAME']
      @function_name = ENV['AWS_LAMBDA_FUNCTION_NAME']
      @memory_limit_in_mb = ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
      @function_version = ENV['AWS_LAMBDA_FUNCTION_VERSION']
      @identity = JSON.parse(headers['lambda-runtime-cognito-identity']) if headers['lambda-runtime-cognito-identity']
      @client_context = JSON.parse(headers['lambda-runtime-client-context']) if headers['lambda-runtime-client-context']
    end

    def get_remaining_time_in_millis
      now = Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond) + @clock_diff
      [@deadline_ms - now, 0].max
    end

    def log(message)
      puts message
    end
  end

  # The handler that a name such as `app.handler` or `app.Module::Class.handler` means.
  class Handler
    def initialize(name)
      parts = name.split('.')
      unless [2, 3].include?(parts.size)
        raise ArgumentError,
              "Invalid handler #{name}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where FILENAME corresponds with an " \
              'existing Ruby source file FILENAME.rb, CLASS is an optional module/class namespace and METHOD is a callable method. ' \
              'If using CLASS, METHOD must be a class-level method.'
      end
      @file, *middle, @method = parts
      @class = middle.first
    end

    attr_reader :file

    def call(event, context)
      target = @class ? Kernel.const_get(@class) : TOPLEVEL
      target.send(@method, event: event, context: context)
    end
  end

  # What a function logs with Logger carries the request's id, as on AWS.
  module Logging
    FORMAT = "%<sev>s, [%<datetime>s #%<process>d] %<severity>5s %<request_id>s -- %<progname>s: %<msg>s\n"

    def self.install
      require 'logger'
      formatter = Class.new(::Logger::Formatter) do
        def call(severity, time, progname, msg)
          format(FORMAT, sev: severity[0], datetime: format_datetime(time), process: $$, severity: severity,
                         request_id: LambdaRuntime.request_id, progname: progname, msg: msg2str(msg))
        end
      end
      ::Logger.prepend(Module.new do
        define_method(:initialize) do |logdev = nil, *rest, **options|
          options[:formatter] ||= formatter.new if [$stdout, $stderr, STDOUT, STDERR].include?(logdev)
          super(logdev, *rest, **options)
        end
      end)
    end
  end

  # Logger is patched when the function first requires it; who does not, does not pay for it.
  module LazyLogging
    def require(name)
      loaded = super
      if name == 'logger' && loaded && !@lambda_logging
        @lambda_logging = true
        Logging.install
      end
      loaded
    end
  end

  class << self
    attr_reader :request_id

    def describe(error, kind)
      ours = File.expand_path(__FILE__)
      trace = (error.backtrace_locations || []).first(100).map(&:to_s).take_while { |line| !line.start_with?(ours) }
      { errorMessage: error.message, errorType: "#{kind}<#{error.class}>", stackTrace: trace }
    end

    def log(message, told)
      puts message
      puts JSON.pretty_generate(told)
    end

    def main
      $stdout.reopen($stdout)
      $stderr.reopen($stdout)
      $stdout.sync = $stderr.sync = true
      client = Client.new(ENV.fetch('AWS_LAMBDA_RUNTIME_API'))
      name = ENV.fetch('_HANDLER')
      begin
        handler = Handler.new(name)
        require File.join(ENV.fetch('LAMBDA_TASK_ROOT'), handler.file)
      rescue Exception => e # rubocop:disable Lint/RescueException
        told = describe(e, 'Init')
        log("Init error when loading handler #{name}", told)
        client.post('init/error', JSON.generate(told), 'application/json', told[:errorType])
        exit!(1)
      end
      serve(client, handler) while true
    end

    def serve(client, handler)
      status, headers, body = client.request('GET', 'invocation/next')
      exit!(1) if status != 200
      @request_id = headers['lambda-runtime-aws-request-id']
      ENV['_X_AMZN_TRACE_ID'] = headers['lambda-runtime-trace-id']
      begin
        result = handler.call(JSON.parse(body.force_encoding('UTF-8')), LambdaContext.new(headers))
        text, type = answer(result)
      rescue NoMemoryError, SystemStackError, SecurityError, SystemExit, SignalException, ScriptError => e
        fail(client, 'Critical exception from handler', describe(e, 'Function'))
        # Nothing that happened to the interpreter is carried over to the next invocation.
        exit!(e.is_a?(SystemExit) ? e.status : 255)
      rescue Exception => e # rubocop:disable Lint/RescueException
        return fail(client, 'Error raised from handler method', describe(e, 'Function'))
      end
      $stdout.flush
      client.post("invocation/#{@request_id}/response", text, type)
    end

    def answer(result)
      return [result.read, 'application/unknown'] if result.is_a?(IO) || (defined?(StringIO) && result.is_a?(StringIO))

      [JSON.generate(result), 'application/json']
    end

    def fail(client, message, told)
      log(message, told)
      client.post("invocation/#{@request_id}/error", JSON.generate(told), 'application/json', told[:errorType])
    end
  end
end

LambdaRuntime::TOPLEVEL = self
Object.prepend(LambdaRuntime::LazyLogging)
LambdaRuntime.main
