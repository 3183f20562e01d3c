// The Node.js runtime: loads the handler, then serves invocations from the Runtime API. Node's own modules only, one socket.
'use strict';

const fs = require('fs');
const net = require('net');
const path = require('path');
const { Writable } = require('stream');
const util = require('util');

const API = '/2018-06-01/runtime/';

// The Runtime API

class Client {
  // One keep-alive connection; one request at a time.
  constructor(address) {
    const colon = address.lastIndexOf(':');
    this.host = address.slice(0, colon);
    this.socket = net.connect({ host: this.host, port: Number(address.slice(colon + 1)), noDelay: true });
    this.socket.on('data', (data) => this.take(data));
    // The sandbox is being ended.
    this.socket.on('error', () => process.exit(1));
    this.socket.on('close', () => process.exit(1));
    this.pieces = [];
    this.waiting = null;
    this.unsent = [];
    this.skips = false;
  }

  head(method, where, headers) {
    let head = `${method} ${API}${where} HTTP/1.1\r\nHost: ${this.host}\r\n`;
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
    return Buffer.from(head + '\r\n', 'latin1');
  }

  request(pieces) {
    this.socket.ref();
    return new Promise((resolve) => {
      this.waiting = resolve;
      this.socket.write(pieces.length > 1 ? Buffer.concat(pieces) : pieces[0]);
    });
  }

  next() {
    // What came of the last invocation goes out in the same write, because each one wakes the other side up; its answer is of no interest.
    const pieces = this.unsent;
    this.skips = pieces.length > 0;
    this.unsent = [];
    return this.request([...pieces, this.head('GET', 'invocation/next', {})]);
  }

  begin(where, headers) {
    // A request whose body its sender writes.
    return new Promise((resolve) => {
      this.waiting = resolve;
      this.socket.write(this.head('POST', where, headers));
    });
  }

  take(data) {
    this.pieces.push(data);
    let whole = this.pieces.length > 1 ? Buffer.concat(this.pieces) : data;
    this.pieces = [whole];
    const end = whole.indexOf('\r\n\r\n');
    if (end < 0) return;
    const lines = whole.toString('latin1', 0, end).split('\r\n');
    const headers = {};
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const stop = end + 4 + Number(headers['content-length'] || 0);
    if (whole.length < stop) return;
    const body = whole.subarray(end + 4, stop);
    this.pieces = [];
    const rest = whole.subarray(stop);
    if (this.skips) {
      this.skips = false;
      if (rest.length) this.take(rest);
      return;
    }
    if (rest.length) this.pieces = [rest];
    const resolve = this.waiting;
    this.waiting = null;
    // While the handler works, this socket alone must not keep the event loop going: who waits for it to be empty would wait for ever.
    this.socket.unref();
    resolve({ status: Number(lines[0].split(' ')[1]), headers, body });
  }

  post(where, text, errorType) {
    return this.request(this.written(where, text, errorType));
  }

  answer(where, text, errorType) {
    this.unsent = this.written(where, text, errorType);
  }

  written(where, text, errorType) {
    const body = Buffer.from(text);
    const headers = { 'Content-Type': 'application/json' };
    if (errorType) headers['Lambda-Runtime-Function-Error-Type'] = errorType.replace(/[^\x20-\x7e]/g, '?');
    headers['Content-Length'] = body.length;
    return [this.head('POST', where, headers), body];
  }
}

// Streamed answers

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response';

class ResponseStream extends Writable {
  // The answer as it comes: one request in chunks, an error in its trailers.
  constructor(client, id, highWaterMark) {
    super({ highWaterMark });
    this.client = client;
    this.id = id;
    this.contentType = 'application/octet-stream';
    this.begun = false;
    this.answered = new Promise((resolve) => (this.onAnswer = resolve));
  }

  setContentType(contentType) {
    if (this.begun) throw fault('Runtime.InvalidStreamingOperation', 'Cannot set content-type, too late.');
    this.contentType = contentType;
  }

  begin() {
    if (this.begun) return;
    this.begun = true;
    const head = {
      'Content-Type': this.contentType,
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      'Transfer-Encoding': 'chunked',
      Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body',
    };
    this.client.begin(`invocation/${this.id}/response`, head).then(this.onAnswer);
    if (this._onBeforeFirstWrite) this._onBeforeFirstWrite((data) => this.chunk(Buffer.from(data)));
  }

  chunk(data, done) {
    if (!data.length) return done?.();
    this.client.socket.write(Buffer.concat([Buffer.from(data.length.toString(16) + '\r\n'), data, Buffer.from('\r\n')]), done);
  }

  _write(data, encoding, done) {
    this.begin();
    this.chunk(Buffer.from(data, encoding), done);
  }

  _final(done) {
    this.begin();
    this.client.socket.ref();
    this.client.socket.write('0\r\n\r\n', done);
  }

  fail(told) {
    this.begin();
    const type = told.errorType.replace(/[^\x20-\x7e]/g, '?');
    const error = Buffer.from(JSON.stringify(told)).toString('base64');
    this.client.socket.ref();
    this.client.socket.write(`0\r\nLambda-Runtime-Function-Error-Type: ${type}\r\nLambda-Runtime-Function-Error-Body: ${error}\r\n\r\n`);
    this.destroy();
  }
}

globalThis.awslambda = {
  streamifyResponse(handler, options) {
    handler[STREAMING] = 'response';
    if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
    return handler;
  },
  HttpResponseStream: class HttpResponseStream {
    static from(stream, prelude) {
      stream.setContentType(PRELUDE_TYPE);
      const text = JSON.stringify(prelude);
      stream._onBeforeFirstWrite = (write) => {
        write(text);
        write(new Uint8Array(8));
      };
      return stream;
    }
  },
};

// Logging

let currentId = '';
let currentTenant;

function line(text) {
  // One record is one log event: the platform puts the line breaks back. Written at once, before any answer.
  const bytes = Buffer.from(text.replace(/\n/g, '\r') + '\n');
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

function record(level, text) {
  line(`${new Date().toISOString()}\t${currentId || 'undefined'}\t${level}\t${text}`);
}

let asJson = false;

function recordJson(level, ...parts) {
  const told = { timestamp: new Date().toISOString(), level, requestId: currentId || undefined, tenantId: currentTenant };
  const [first] = parts;
  const error = parts.find((part) => part instanceof Error);
  if (parts.length === 1 && !error) {
    try {
      return line(JSON.stringify({ ...told, message: first }, plain));
    } catch {
      return line(JSON.stringify({ ...told, message: util.format(first) }));
    }
  }
  told.message = util.format(...parts);
  if (error) {
    told.errorType = error.constructor?.name ?? 'UnknownError';
    told.errorMessage = error.message;
    told.stackTrace = typeof error.stack === 'string' ? error.stack.split('\n') : [];
  }
  line(JSON.stringify(told));
}

function plain(_, value) {
  // Errors have no members of their own that JSON would show.
  if (!(value instanceof Error)) return value;
  return { errorType: value.constructor?.name, errorMessage: value.message, stackTrace: value.stack?.split('\n'), ...value };
}

function patchConsole(env) {
  const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
  asJson = (env.AWS_LAMBDA_LOG_FORMAT || '').toUpperCase() === 'JSON';
  const lowest = Math.max(0, levels.indexOf((env.AWS_LAMBDA_LOG_LEVEL || '').toUpperCase()));
  for (const [number, level] of levels.entries()) {
    const write = asJson ? (...parts) => recordJson(level, ...parts) : (...parts) => record(level, util.format(...parts));
    console[level.toLowerCase()] = number >= lowest || level === 'FATAL' ? write : () => {};
  }
  console.log = console.info;
}

function logError(what, error, told) {
  if (asJson) console.error(error instanceof Error ? error : new Error(error));
  else record('ERROR', `${what} \t${logged(error, told)}`);
}

// Errors

function fault(type, message) {
  const error = new Error(message);
  error.name = type;
  error.isFault = true;
  return error;
}

function describe(error) {
  if (error instanceof Error || util.types.isNativeError(error)) {
    const trace = (error.stack || String(error)).replace(/^Error: /, error.isFault ? `${error.name}: ` : 'Error: ').split('\n');
    return { errorType: error.name || 'Error', errorMessage: error.message, trace };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function logged(error, told) {
  // As AWS logs it: the error's own members too, and `trace` under the name that people know.
  const { trace, ...rest } = told;
  const own = error instanceof Error ? Object.fromEntries(Object.entries(error).filter(([name]) => name !== 'isFault')) : {};
  try {
    return JSON.stringify({ ...rest, ...own, stack: trace });
  } catch {
    return JSON.stringify({ ...rest, stack: trace });
  }
}

// The handler

function moduleFile(base) {
  for (const ending of ['', '.js', '.mjs', '.cjs']) {
    if (fs.statSync(base + ending, { throwIfNoEntry: false })?.isFile()) return base + ending;
  }
  return null;
}

function isModule(file) {
  if (file.endsWith('.mjs')) return true;
  if (!file.endsWith('.js')) return false;
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).type === 'module';
    } catch (error) {
      if (error instanceof SyntaxError) return false;
    }
    if (path.basename(folder) === 'node_modules' || folder === path.dirname(folder)) return false;
  }
}

async function load(root, handler) {
  const folder = path.dirname(handler);
  const match = /^([^.]*)\.(.*)$/.exec(path.basename(handler));
  if (!match) throw fault('Runtime.MalformedHandlerName', 'Bad handler');
  if (handler.includes('..')) throw fault('Runtime.MalformedHandlerName', `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  const name = path.join(folder, match[1]);
  const file = moduleFile(path.resolve(root, name));
  let module;
  try {
    if (file) module = isModule(file) ? await import(require('url').pathToFileURL(file).href) : require(file);
    else module = require(require.resolve(name, { paths: [root, path.join(root, 'node_modules'), ...module_paths()] }));
  } catch (error) {
    if (error instanceof SyntaxError) throw fault('Runtime.UserCodeSyntaxError', String(error));
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw fault('Runtime.ImportModuleError', file ? String(error) : `Error: Cannot find module '${match[1]}'\nRequire stack:\n- /var/runtime/index.mjs`);
    }
    throw error;
  }
  let found = module;
  for (const part of match[2].split('.')) found = found?.[part];
  if (found === undefined && module?.default) {
    found = module.default;
    for (const part of match[2].split('.')) found = found?.[part];
  }
  if (found === undefined) throw fault('Runtime.HandlerNotFound', `${handler} is undefined or not exported`);
  if (typeof found !== 'function') throw fault('Runtime.HandlerNotFound', `${handler} is not a function`);
  const major = Number(/^AWS_Lambda_nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV || '')?.[1] || 0);
  if (major >= 24 && found.length > 2) {
    throw fault(
      'Runtime.CallbackHandlerDeprecated',
      'AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later.',
    );
  }
  return found;
}

function module_paths() {
  return (process.env.NODE_PATH || '').split(':').filter(Boolean);
}

// One invocation

let finish = null; // Ends the invocation that is being served: (error, result) or, when the event loop is empty, ().

function contextOf(headers, env) {
  const deadline = Number(headers['lambda-runtime-deadline-ms'] || 0);
  const parsed = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed('lambda-runtime-client-context'),
    identity: parsed('lambda-runtime-cognito-identity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function outcome(handler, event, context) {
  // What the handler came to, by whichever of its ways: a promise, a callback, context.done and its kin.
  return new Promise((resolve) => {
    let waiting = null;
    finish = (error, result) => {
      finish = null;
      resolve(error === undefined ? { result } : { error });
    };
    const end = (error, result) => finish?.(error ?? undefined, result);
    const callback = (error, result) => {
      if (waiting) return;
      waiting = () => end(error, result);
      if (!context.callbackWaitsForEmptyEventLoop || (error !== undefined && error !== null)) setImmediate(waiting);
      else whenIdle = waiting;
    };
    context.succeed = (result) => end(undefined, result);
    context.fail = (error) => end(error ?? 'handled', undefined);
    context.done = (error, result) => (error ? context.fail(error) : context.succeed(result));
    whenIdle = () => end(undefined, null);
    try {
      const returned = handler(event, context, callback);
      if (typeof returned?.then === 'function') returned.then((result) => end(undefined, result), (error) => end(error ?? 'handled'));
      else if (handler.length < 3 && Number(process.versions.node.split('.')[0]) >= 24) end(undefined, returned);
    } catch (error) {
      end(error ?? 'handled');
    }
  });
}

let whenIdle = null;

async function serve(client, handler) {
  const { status, headers, body } = await client.next();
  if (status !== 200) process.exit(1);
  currentId = headers['lambda-runtime-aws-request-id'];
  currentTenant = headers['lambda-runtime-aws-tenant-id'];
  if (headers['lambda-runtime-trace-id']) process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
  if (handler[STREAMING] === 'response') return serveStream(client, handler, headers, body);
  let told;
  let text;
  try {
    const event = JSON.parse(body.toString());
    const { error, result } = await outcome(handler, event, contextOf(headers, process.env));
    whenIdle = null;
    if (error === undefined) {
      try {
        text = JSON.stringify(result === undefined ? null : result) ?? 'null';
      } catch (problem) {
        throw fault('Runtime.MarshalError', 'Unable to stringify response body: ' + problem.message);
      }
    } else {
      told = describe(error);
      logError('Invoke Error', error, told);
    }
  } catch (error) {
    told = describe(error);
    logError('Invoke Error', error, told);
  }
  if (told) client.answer(`invocation/${currentId}/error`, JSON.stringify(told), told.errorType);
  else client.answer(`invocation/${currentId}/response`, text);
}

async function serveStream(client, handler, headers, body) {
  const stream = new ResponseStream(client, currentId, handler[HIGH_WATER_MARK]);
  const ended = new Promise((resolve, reject) => {
    stream.on('finish', resolve);
    stream.on('error', reject);
  });
  ended.catch(() => {});
  // Who neither ends the stream nor has anything more to do will never end it.
  const idle = new Promise((_, reject) => {
    whenIdle = () => reject('Response stream is not finished.');
  });
  idle.catch(() => {});
  try {
    const returned = handler(JSON.parse(body.toString()), stream, contextOf(headers, process.env));
    if (typeof returned?.then !== 'function') throw 'Streaming does not support non-async handlers.';
    const result = await Promise.race([returned, idle]);
    if (result !== undefined) console.warn('Streaming handlers ignore return values.');
    await Promise.race([ended, idle]);
  } catch (error) {
    const told = describe(error);
    logError('Invoke Error', error, told);
    if (!stream.writableFinished) stream.fail(told);
  }
  whenIdle = null;
  await stream.answered;
}

function dieOf(client, type, error) {
  // What nobody caught ends the runtime, as on AWS; the invocation learns why first.
  let told;
  if (type === 'Runtime.UnhandledPromiseRejection') {
    const reason = describe(error);
    told = { errorType: type, errorMessage: error instanceof Error ? `${reason.errorType}: ${reason.errorMessage}` : String(error), trace: fault(type, String(error)).stack.split('\n') };
    if (asJson) console.error(error instanceof Error ? error : new Error(error));
    else record('ERROR', `Unhandled Promise Rejection \t${logged(null, { errorType: type, errorMessage: told.errorMessage, reason, promise: {}, trace: told.trace })}`);
  } else {
    told = describe(error);
    logError('Uncaught Exception', error, told);
  }
  client.post(`invocation/${currentId}/error`, JSON.stringify(told), told.errorType).then(() => process.exit(type === 'uncaught' ? 129 : 128));
}

function standBy(pipe) {
  // Waits until there is an invocation; its environment comes through the pipe, which is not closed after it.
  const from = fs.openSync(pipe, 'r');
  const piece = Buffer.alloc(65536);
  let text = '';
  while (!text.endsWith('\n')) {
    const length = fs.readSync(from, piece);
    if (length === 0) process.exit(0);
    text += piece.toString('latin1', 0, length);
  }
  fs.closeSync(from);
  // JSON in ASCII.
  Object.assign(process.env, JSON.parse(text));
}

async function main() {
  const env = process.env;
  if (process.argv.length > 2) standBy(process.argv.pop());
  const root = env.LAMBDA_TASK_ROOT;
  patchConsole(env);
  const client = new Client(env.AWS_LAMBDA_RUNTIME_API);
  let handler;
  try {
    handler = await load(root, env._HANDLER);
  } catch (error) {
    const told = describe(error);
    logError('Uncaught Exception', error, told);
    await client.post('init/error', JSON.stringify(told), told.errorType);
    process.exit(1);
  }
  process.on('uncaughtException', (error) => dieOf(client, 'uncaught', error));
  process.on('unhandledRejection', (error) => dieOf(client, 'Runtime.UnhandledPromiseRejection', error));
  process.on('beforeExit', () => {
    const idle = whenIdle;
    whenIdle = null;
    if (idle) {
      idle();
    }
  });
  for (;;) await serve(client, handler);
}

main();
