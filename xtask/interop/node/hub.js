'use strict';

const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const { NoRetry, SharedAccessSignature } = require('azure-iot-common');
const { RestApiClient } = require('azure-iot-http-base');
const { Client, Registry } = require('azure-iothub');
const { Child } = require('./child');

/** The connection string of the service, which the hub has put into the environment. */
const connectionString = process.env.IOTHUB_CONNECTION_STRING;
const hub = fields(connectionString);

const registry = Registry.fromConnectionString(connectionString);
const service = Client.fromConnectionString(connectionString);
// A refusal is to be seen as it comes.
service.setRetryPolicy(new NoRetry());

/** Creates a device with keys of the hub's making; gives the device's connection string. */
async function createDevice(deviceId) {
  const { responseBody } = await registry.create({ deviceId });
  return deviceConnectionString(deviceId, responseBody.authentication.symmetricKey.primaryKey);
}

function deviceConnectionString(deviceId, key) {
  return `HostName=${hub.HostName};DeviceId=${deviceId};SharedAccessKey=${key}`;
}

/** Calls a method; gives the device's answer: `{status, payload}`. */
async function call(deviceId, methodName, payload, responseTimeoutInSeconds = 10) {
  const { result } = await service.invokeDeviceMethod(deviceId, { methodName, payload, responseTimeoutInSeconds });
  return result;
}

/**
 * A request that the official Registry has no verb for, or no way to say which etag: made by the class
 * that the official clients make their own requests with.
 */
function request(method, path, { etag, body } = {}) {
  const expiry = Math.floor(Date.now() / 1000) + 600;
  const { HostName: host, SharedAccessKeyName: policy, SharedAccessKey: key } = hub;
  const token = SharedAccessSignature.create(host, policy, key, expiry).toString();
  const headers = { 'Content-Type': 'application/json; charset=utf-8' };
  if (etag) headers['If-Match'] = `"${etag}"`;
  const client = new RestApiClient({ host, sharedAccessSignature: token }, 'iothub-interop');
  return new Promise((resolve, reject) => {
    client.executeApiCall(method, `${path}?api-version=2021-04-12`, headers, body, (error, result) =>
      error ? reject(error) : resolve(result),
    );
  });
}

/** How the hub refuses: the status, the error's name in the header, its name or number in the body. */
async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    if (!error.response) throw error;
    const message = JSON.parse(error.responseBody).Message;
    const named = /^ErrorCode:(\w+);/.exec(message);
    return {
      class: error.constructor.name,
      status: error.response.statusCode,
      header: error.response.headers['iothub-errorcode'],
      code: named ? named[1] : JSON.parse(message).errorCode,
    };
  }
  throw new Error('it was not refused');
}

/** What arrives at the hub, from now on, as `iothub monitor` shows it. */
function monitor() {
  return new Child(process.env.INTEROP_IOTHUB, ['monitor', '-o', 'json']);
}

/** Sends a command to a device with `iothub device send`. */
async function sendCommand(deviceId, text, properties = {}) {
  const options = Object.entries(properties).flatMap(([name, value]) => ['--property', `${name}=${value}`]);
  await iothub('device', 'send', deviceId, '--data', text, ...options);
}

/** Runs a command of `iothub`; gives what it prints. */
async function iothub(...words) {
  return (await promisify(execFile)(process.env.INTEROP_IOTHUB, words)).stdout;
}

/** A document as it goes back: without the methods of the client’s classes. */
function plain(document) {
  return JSON.parse(JSON.stringify(document));
}

/** The parts of a connection string. A value may contain `=`. */
function fields(text) {
  return Object.fromEntries(text.split(';').map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]));
}

module.exports = {
  call,
  createDevice,
  deviceConnectionString,
  fields,
  hostName: hub.HostName,
  iothub,
  monitor,
  plain,
  refusal,
  registry,
  request,
  sendCommand,
};
