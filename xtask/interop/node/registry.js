'use strict';
// The Node service client: devices in bulk, modules, and devices that are known by certificates.

const { execFile } = require('node:child_process');
const { mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { promisify } = require('node:util');
const hub = require('./hub');
const { Device } = require('./child');
const { Steps, check, equal, run } = require('./steps');

const steps = new Steps('node registry');
const { registry } = hub;

async function main() {
  await bulk();
  await modules();
  await edges();
  const folder = mkdtempSync(join(tmpdir(), 'interop-'));
  try {
    await certificates(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function bulk() {
  const ids = Array.from({ length: 100 }, (_, n) => `interop-bulk-${n}`);
  await steps.step('a hundred devices are added at once', 20, async () => {
    const { responseBody } = await registry.addDevices(ids.map((deviceId) => ({ deviceId, status: 'enabled' })));
    equal([responseBody.isSuccessful, responseBody.errors], [true, []], 'the result');
    const { primaryKey } = (await registry.get(ids[99])).responseBody.authentication.symmetricKey;
    check(Buffer.from(primaryKey, 'base64').length >= 16, 'the hub made no key');
  });

  await steps.step('of devices of which some are there already the others are added', 10, async () => {
    const devices = [ids[0], 'interop-bulk-new', ids[1]].map((deviceId) => ({ deviceId, status: 'enabled' }));
    const refused = await result(registry.addDevices(devices));
    equal([refused.status, refused.header], [400, 'BulkRegistryOperationFailure'], 'the refusal');
    const errors = refused.body.errors.map(({ deviceId, errorCode }) => [deviceId, errorCode]);
    equal(errors, [[ids[0], 'DeviceAlreadyExists'], [ids[1], 'DeviceAlreadyExists']], 'the errors');
    equal((await registry.get('interop-bulk-new')).responseBody.status, 'enabled', 'the new device');
  });

  await steps.step('devices are updated at once whatever their etag', 10, async () => {
    const devices = ids.slice(0, 3).map((deviceId) => ({ deviceId, status: 'disabled' }));
    const { responseBody } = await registry.updateDevices(devices, true);
    equal(responseBody.isSuccessful, true, 'the result');
    equal((await registry.get(ids[2])).responseBody.status, 'disabled', 'the status');
  });

  await steps.step('devices are updated at their etags, and not at old ones', 10, async () => {
    const read = async (id) => (await registry.get(id)).responseBody;
    const [one, two] = [await read(ids[0]), await read(ids[1])];
    const stale = { ...hub.plain(two), status: 'enabled', etag: 'b2xk' };
    const refused = await result(registry.updateDevices([{ ...hub.plain(one), status: 'enabled' }, stale], false));
    const errors = refused.body.errors.map(({ deviceId, errorCode }) => [deviceId, errorCode]);
    equal(errors, [[ids[1], 'PreconditionFailed']], 'the errors');
    equal([(await read(ids[0])).status, (await read(ids[1])).status], ['enabled', 'disabled'], 'the states');
  });

  await steps.step('devices come with their twins', 10, async () => {
    const entry = { id: 'interop-bulk-twin', importMode: 'create', tags: { floor: 2 }, properties: { desired: { a: 1 } } };
    const done = await hub.request('POST', '/devices', { body: [entry] });
    equal(done, { isSuccessful: true, errors: [], warnings: [] }, 'the result');
    const twin = (await registry.getTwin(entry.id)).responseBody;
    equal([twin.tags, twin.properties.desired.a], [{ floor: 2 }, 1], 'the twin');
  });

  await steps.step('more than a hundred at once are refused', 10, async () => {
    // The client's own verb refuses to send them.
    const body = Array.from({ length: 101 }, (_, n) => ({ id: `interop-many-${n}`, importMode: 'create' }));
    const { status, header } = await hub.refusal(hub.request('POST', '/devices', { body }));
    equal([status, header], [413, 'TooManyDevices'], 'the refusal');
  });

  await steps.step('devices are removed at once', 20, async () => {
    const all = [...ids.slice(1), 'interop-bulk-new'].map((deviceId) => ({ deviceId }));
    const { responseBody } = await registry.removeDevices(all, true);
    equal(responseBody.isSuccessful, true, 'the result');
    const last = [ids[0], 'interop-bulk-twin'].map((deviceId) => ({ deviceId }));
    await registry.removeDevices(last, true);
    const refused = await result(registry.removeDevices([{ deviceId: ids[0] }], true));
    equal(refused.body.errors[0].errorCode, 'DeviceNotFound', 'the error');
    const left = (await registry.list()).responseBody.filter(({ deviceId }) => deviceId.startsWith('interop-bulk-'));
    equal(left, [], 'what is left');
  });
}

async function modules() {
  const [deviceId, moduleId] = ['interop-modules', 'camera'];
  await steps.step('a module is added, read, listed and updated', 10, async () => {
    await registry.create({ deviceId });
    const added = (await registry.addModule({ deviceId, moduleId, managedBy: 'me' })).responseBody;
    check(added.authentication.symmetricKey.primaryKey, 'the hub made no key');
    const read = (await registry.getModule(deviceId, moduleId)).responseBody;
    equal([read.etag, read.managedBy], [added.etag, 'me'], 'the module');
    const listed = (await registry.getModulesOnDevice(deviceId)).responseBody;
    equal(listed.map((module) => module.moduleId), [moduleId], 'the list');
    const updated = (await registry.updateModule({ ...hub.plain(read), managedBy: 'you' }, true)).responseBody;
    equal(updated.managedBy, 'you', 'who looks after it');
  });

  await steps.step('a module’s twin is read and patched', 10, async () => {
    const twin = (await registry.getModuleTwin(deviceId, moduleId)).responseBody;
    await registry.updateModuleTwin(deviceId, moduleId, { tags: { lens: 'wide' } }, twin.etag);
    const after = (await registry.getModuleTwin(deviceId, moduleId)).responseBody;
    equal([after.moduleId, after.tags], [moduleId, { lens: 'wide' }], 'the twin');
    const stale = await hub.refusal(registry.updateModuleTwin(deviceId, moduleId, { tags: {} }, twin.etag));
    equal([stale.class, stale.status], ['InvalidEtagError', 412], 'the refusal');
  });

  await steps.step('a module that exists is not added again, and none to nobody', 10, async () => {
    const twice = await hub.refusal(registry.addModule({ deviceId, moduleId }));
    equal([twice.status, twice.header], [409, 'ModuleAlreadyExistsOnDevice'], 'the refusal');
    const nobody = await hub.refusal(registry.addModule({ deviceId: 'interop-nobody', moduleId }));
    equal([nobody.status, nobody.header], [404, 'DeviceNotFound'], 'the refusal');
  });

  await steps.step('a module is removed', 10, async () => {
    await registry.removeModule(deviceId, moduleId);
    const gone = await hub.refusal(registry.getModule(deviceId, moduleId));
    equal([gone.status, gone.header], [404, 'ModuleNotFound'], 'the refusal');
    await registry.delete(deviceId);
  });
}

async function edges() {
  await steps.step('statistics are counted', 10, async () => {
    const before = (await registry.getRegistryStatistics()).responseBody;
    await registry.addDevices([{ deviceId: 'interop-counted', status: 'disabled' }]);
    const after = (await registry.getRegistryStatistics()).responseBody;
    equal(
      [after.totalDeviceCount, after.enabledDeviceCount, after.disabledDeviceCount],
      [before.totalDeviceCount + 1, before.enabledDeviceCount, before.disabledDeviceCount + 1],
      'the counts',
    );
    await registry.delete('interop-counted');
  });

  await steps.step('bodies that are none, and lists for objects, are refused', 10, async () => {
    for (const [method, path, body] of [
      ['PUT', '/devices/interop-odd', [{ deviceId: 'interop-odd' }]],
      ['POST', '/devices', { id: 'interop-odd' }],
      ['PATCH', '/twins/interop-odd', []],
      ['PUT', '/devices/interop-odd', { deviceId: 'interop-odd', status: 'maybe' }],
    ]) {
      const { status, header } = await hub.refusal(hub.request(method, path, { body }));
      equal([status, header], [400, 'IotHubFormatError'], `the refusal of ${method} ${path}`);
    }
  });

  await steps.step('disabling a device ends its connection at once', 20, async () => {
    const deviceId = 'interop-disabled';
    const device = Device.start('node', 'mqtt', await hub.createDevice(deviceId));
    await device.connect();
    await device.event('connected');
    await registry.updateDevices([{ deviceId, status: 'disabled' }], true);
    const { responseBody } = await registry.get(deviceId);
    equal([responseBody.status, responseBody.connectionState], ['disabled', 'Disconnected'], 'the device');
    // The client would try again for ever.
    device.process.kill();
    await registry.delete(deviceId);
  });
}

async function certificates(folder) {
  const at = (name) => join(folder, name);
  const openssl = (...args) => promisify(execFile)('openssl', args, { cwd: folder });
  const own = (name, subject, kind) =>
    openssl('req', '-x509', ...kind, '-nodes', '-keyout', `${name}.key`, '-out', `${name}.pem`, '-days', '2', '-subj', subject);
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const rsa = ['-newkey', 'rsa:2048'];
  const print = async (name, digest) => {
    const { stdout } = await openssl('x509', '-in', `${name}.pem`, '-noout', '-fingerprint', `-${digest}`);
    return stdout.trim().split('=')[1];
  };
  const device = (deviceId, name) => {
    const started = Device.start('node', 'mqtt', `HostName=${hub.hostName};DeviceId=${deviceId};x509=true`);
    const [cert, key] = [`${name}.pem`, `${name}.key`].map((file) => readFileSync(at(file), 'utf8'));
    started.settings.x509 = { cert, key };
    return started;
  };
  const told = async (started, deviceId) => {
    const monitor = hub.monitor();
    await started.connect();
    await started.send({ bodyBase64: Buffer.from(deviceId).toString('base64') });
    const event = await monitor.take('the message', (each) => each.kind === 'telemetry' && each.deviceId === deviceId);
    const method = JSON.parse(event.systemProperties['iothub-connection-auth-method']);
    equal([method.scope, method.type], ['device', 'x509'], 'how the device was let in');
    await started.disconnect();
  };

  for (const [name, kind, digest] of [['ec', ec, 'sha1'], ['rsa', rsa, 'sha256']]) {
    const deviceId = `interop-x509-${name}`;
    await steps.step(`a device connects with its own certificate, ${name}, known by ${digest}`, 20, async () => {
      await own(name, `/CN=${deviceId}`, kind);
      const x509Thumbprint = { primaryThumbprint: await print(name, digest), secondaryThumbprint: null };
      await registry.create({ deviceId, authentication: { type: 'selfSigned', x509Thumbprint } });
      const { authentication } = (await registry.get(deviceId)).responseBody;
      equal(authentication.type, 'selfSigned', 'the type');
      await told(device(deviceId, name), deviceId);
    });
  }

  await steps.step('a device with another certificate is refused', 20, async () => {
    await own('other', '/CN=interop-x509-ec', ec);
    const error = await device('interop-x509-ec', 'other').connect().then(() => null, (refused) => String(refused));
    check(error !== null && /UnauthorizedError|NotConnectedError/.test(error), `it was answered with ${error}`);
  });

  await steps.step('a module connects with its own certificate, and answers a method', 20, async () => {
    const [deviceId, moduleId] = ['interop-x509-ec', 'camera'];
    await own('module', `/CN=${moduleId}`, ec);
    const x509Thumbprint = { primaryThumbprint: await print('module', 'sha256'), secondaryThumbprint: null };
    await registry.addModule({ deviceId, moduleId, authentication: { type: 'selfSigned', x509Thumbprint } });
    const module = Device.start('python', 'mqtt', `HostName=${hub.hostName};DeviceId=${deviceId};ModuleId=${moduleId}`);
    module.settings.x509 = { certFile: at('module.pem'), keyFile: at('module.key') };
    const monitor = hub.monitor();
    await module.connect();
    await module.send({ bodyBase64: Buffer.from('lens').toString('base64') });
    const event = await monitor.take('the message', (each) => each.kind === 'telemetry' && each.moduleId === moduleId);
    const { scope, type } = JSON.parse(event.systemProperties['iothub-connection-auth-method']);
    equal([scope, type, event.body], ['module', 'x509', 'lens'], 'how the module was let in, and what it said');
    const { status, payload } = await hub.request('POST', `/twins/${deviceId}/modules/${moduleId}/methods`, {
      body: { methodName: 'echo', payload: 1, responseTimeoutInSeconds: 10 },
    });
    equal([status, payload], [200, 1], 'the answer');
    await module.disconnect();
  });

  await steps.step('a device connects with a certificate that an authority has signed', 20, async () => {
    const deviceId = 'interop-x509-ca';
    await own('root', '/CN=interop root', ec);
    await openssl('req', ...ec, '-nodes', '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', `/CN=${deviceId}`);
    writeFileSync(at('leaf.ext'), 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n');
    await openssl(
      'x509', '-req', '-in', 'leaf.csr', '-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial',
      '-days', '2', '-extfile', 'leaf.ext', '-out', 'leaf.pem',
    );
    await registry.create({ deviceId, authentication: { type: 'certificateAuthority' } });
    const early = await device(deviceId, 'leaf').connect().then(() => null, (refused) => String(refused));
    check(early !== null, 'it is let in before the hub knows the authority');
    await hub.iothub('ca', 'add', 'interop-root', '--path', at('root.pem'));
    await told(device(deviceId, 'leaf'), deviceId);
    await hub.iothub('ca', 'remove', 'interop-root');
    await registry.removeDevices([deviceId, 'interop-x509-ec', 'interop-x509-rsa'].map((id) => ({ deviceId: id })), true);
  });
}

/** What a bulk request is answered with that was not done in full. */
async function result(promise) {
  try {
    await promise;
  } catch (error) {
    if (!error.response) throw error;
    return {
      status: error.response.statusCode,
      header: error.response.headers['iothub-errorcode'],
      body: JSON.parse(error.responseBody),
    };
  }
  throw new Error('it was done in full');
}

run(main);
