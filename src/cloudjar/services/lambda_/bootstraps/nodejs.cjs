// The Node.js runtime: loads the handler, then serves invocations from the Runtime API. Node's own modules only, one socket.
'use strict';

const fs = require('fs');
const net = require('net');
const path = require('path');
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
  }

  request(method, where, headers = {}, body = Buffer.alloc(0)) {
    let head = `${method} ${API}${where} HTTP/1.1\r\nHost: ${this.host}\r\n`;
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
    if (method === 'POST') head += `Content-Length: ${body.length}\r\n`;
    this.socket.ref();
    return new Promise((resolve) => {
      this.waiting = resolve;
      this.socket.write(body.length ? Buffer.concat([Buffer.from(head + '\r\n', 'latin1'), body]) : head + '\r\n', 'latin1');
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
    this.pieces = whole.length > stop ? [whole.subarray(stop)] : [];
    const resolve = this.waiting;
    this.waiting = null;
    // While the handler works, this socket alone must not keep the event loop going: who waits for it to be empty would wait for ever.
    this.socket.unref();
    resolve({ status: Number(lines[0].split(' ')[1]), headers, body });
  }

  post(where, text, errorType) {
    const headers = { 'Content-Type': 'application/json' };
    if (errorType) headers['Lambda-Runtime-Function-Error-Type'] = errorType.replace(/[^\x20-\x7e]/g, '?');
    return this.request('POST', where, headers, Buffer.from(text));
  }
}

// Logging

let currentId = '';

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

function patchConsole() {
  const levels = { log: 'INFO', trace: 'TRACE', debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERROR', fatal: 'FATAL' };
  for (const [name, level] of Object.entries(levels)) {
    console[name] = (...parts) => record(level, util.format(...parts));
  }
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
  const { status, headers, body } = await client.request('GET', 'invocation/next');
  if (status !== 200) process.exit(1);
  currentId = headers['lambda-runtime-aws-request-id'];
  if (headers['lambda-runtime-trace-id']) process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
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
      record('ERROR', `Invoke Error \t${logged(error, told)}`);
    }
  } catch (error) {
    told = describe(error);
    record('ERROR', `Invoke Error \t${logged(error, told)}`);
  }
  if (told) await client.post(`invocation/${currentId}/error`, JSON.stringify(told), told.errorType);
  else await client.post(`invocation/${currentId}/response`, text);
}

function dieOf(client, type, error) {
  // What nobody caught ends the runtime, as on AWS; the invocation learns why first.
  let told;
  if (type === 'Runtime.UnhandledPromiseRejection') {
    const reason = describe(error);
    told = { errorType: type, errorMessage: error instanceof Error ? `${reason.errorType}: ${reason.errorMessage}` : String(error), reason, trace: fault(type, String(error)).stack.split('\n') };
    record('ERROR', `Unhandled Promise Rejection \t${logged(null, told)}`);
  } else {
    told = describe(error);
    record('ERROR', `Uncaught Exception \t${logged(error, told)}`);
  }
  client.post(`invocation/${currentId}/error`, JSON.stringify(told), told.errorType).then(() => process.exit(129));
}

async function main() {
  const env = process.env;
  const root = env.LAMBDA_TASK_ROOT;
  patchConsole();
  const client = new Client(env.AWS_LAMBDA_RUNTIME_API);
  let handler;
  try {
    handler = await load(root, env._HANDLER);
  } catch (error) {
    const told = describe(error);
    record('ERROR', `Uncaught Exception \t${logged(error, told)}`);
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
