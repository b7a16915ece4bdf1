'use strict';
// The Node service client: registry, twins, methods.

const { Registry } = require('azure-iothub');
const hub = require('./hub');
const { Device } = require('./child');
const { Steps, check, equal, run } = require('./steps');

const steps = new Steps('node service');
const { registry } = hub;

async function main() {
  await devices();
  await refusedDevices();
  await twins();
  await methods();
}

async function devices() {
  const deviceId = 'interop-registry';
  let created;
  await steps.step('a device is created, with keys of the hub’s making', 10, async () => {
    created = (await registry.create({ deviceId, status: 'enabled' })).responseBody;
    const { primaryKey, secondaryKey } = created.authentication.symmetricKey;
    equal([created.deviceId, created.status], [deviceId, 'enabled'], 'the device');
    check(Buffer.from(primaryKey, 'base64').length >= 16, 'the primary key is too short');
    check(primaryKey !== secondaryKey, 'both keys are the same');
    check(created.etag && created.generationId, 'it has no etag or no generation');
  });

  await steps.step('a device is created with keys of the caller’s', 10, async () => {
    const symmetricKey = { primaryKey: key(1), secondaryKey: key(2) };
    const authentication = { type: 'sas', symmetricKey };
    const { responseBody } = await registry.create({ deviceId: 'interop-own-keys', authentication });
    equal({ ...responseBody.authentication.symmetricKey }, symmetricKey, 'the keys');
    await registry.delete('interop-own-keys');
  });

  await steps.step('a device is read', 10, async () => {
    const { responseBody } = await registry.get(deviceId);
    equal(responseBody.authentication, created.authentication, 'the keys');
    equal([responseBody.etag, responseBody.connectionState], [created.etag, 'Disconnected'], 'etag and state');
  });

  await steps.step('a device is updated whatever its etag, and then at its etag', 10, async () => {
    const changed = { deviceId, status: 'disabled', statusReason: 'interop', authentication: created.authentication };
    const disabled = (await registry.update(changed)).responseBody;
    equal([disabled.status, disabled.statusReason], ['disabled', 'interop'], 'the status');
    check(disabled.etag !== created.etag, 'the etag has not changed');
    const enabled = await hub.request('PUT', `/devices/${deviceId}`, {
      etag: disabled.etag,
      body: { ...changed, status: 'enabled' },
    });
    equal([enabled.status, enabled.generationId], ['enabled', created.generationId], 'status and generation');
  });

  await steps.step('an update at an old etag is refused', 10, async () => {
    const body = { deviceId, status: 'disabled' };
    const refusal = await hub.refusal(hub.request('PUT', `/devices/${deviceId}`, { etag: created.etag, body }));
    equal(refusal, {
      class: 'InvalidEtagError', status: 412, header: 'PreconditionFailed', code: 'PreconditionFailed',
    }, 'the refusal');
    equal((await registry.get(deviceId)).responseBody.status, 'enabled', 'the status');
  });

  await steps.step('devices are listed', 10, async () => {
    await registry.create({ deviceId: 'interop-second' });
    const listed = (await registry.list()).responseBody.map((device) => device.deviceId);
    check(listed.includes(deviceId) && listed.includes('interop-second'), `the list is ${listed}`);
  });

  await steps.step('a device is deleted', 10, async () => {
    await registry.delete(deviceId);
    const refusal = await hub.refusal(registry.get(deviceId));
    equal(refusal, deviceNotFound, 'the refusal');
    await registry.delete('interop-second');
  });
}

async function refusedDevices() {
  await steps.step('a device that exists is not created again', 10, async () => {
    const deviceId = 'interop-twice';
    await registry.create({ deviceId });
    equal(await hub.refusal(registry.create({ deviceId })), {
      class: 'DeviceAlreadyExistsError', status: 409, header: 'DeviceAlreadyExists', code: 'DeviceAlreadyExists',
    }, 'the refusal');
    await registry.delete(deviceId);
  });

  await steps.step('a device that does not exist is neither read, updated nor deleted', 10, async () => {
    const deviceId = 'interop-nobody';
    equal(await hub.refusal(registry.get(deviceId)), deviceNotFound, 'the refusal to read');
    equal((await hub.refusal(registry.update({ deviceId }))).status, 404, 'the refusal to update');
    equal(await hub.refusal(registry.delete(deviceId)), deviceNotFound, 'the refusal to delete');
    equal(await hub.refusal(registry.getTwin(deviceId)), deviceNotFound, 'the refusal to read the twin');
  });

  await steps.step('a name that no device may have is refused', 10, async () => {
    const refusal = await hub.refusal(registry.create({ deviceId: 'no spaces' }));
    equal([refusal.class, refusal.status], ['ArgumentError', 400], 'the refusal');
  });

  await steps.step('a wrong key is refused', 10, async () => {
    const wrong = `HostName=${hub.hostName};SharedAccessKeyName=iothubowner;SharedAccessKey=${key(9)}`;
    const refusal = await hub.refusal(Registry.fromConnectionString(wrong).list());
    equal([refusal.class, refusal.status], ['UnauthorizedError', 401], 'the refusal');
  });
}

async function twins() {
  const deviceId = 'interop-twin';
  let before;
  await steps.step('a twin is there as soon as its device is', 10, async () => {
    await registry.create({ deviceId });
    before = (await registry.getTwin(deviceId)).responseBody;
    equal([before.deviceId, before.version], [deviceId, 2], 'identity and version');
    equal([before.properties.desired.$version, before.properties.reported.$version], [1, 1], 'the versions');
    check(before.etag, 'it has no etag');
  });

  await steps.step('a twin is patched at its etag', 10, async () => {
    const desired = { interval: 5, nested: { a: 1, b: 2 } };
    const patch = { tags: { site: { floor: 2 } }, properties: { desired } };
    const { result } = await before.update(patch);
    equal(result.tags, { site: { floor: 2 } }, 'the tags');
    equal(without(result.properties.desired), desired, 'the desired properties');
    equal(result.properties.desired.$version, 2, 'the version of the desired properties');
    await registry.updateTwin(deviceId, { properties: { desired: { nested: { a: null } } } }, result.etag);
    const after = (await registry.getTwin(deviceId)).responseBody;
    equal(without(after.properties.desired), { interval: 5, nested: { b: 2 } }, 'the desired properties');
  });

  await steps.step('a patch at an old etag is refused', 10, async () => {
    const stale = await hub.refusal(registry.updateTwin(deviceId, { tags: { site: null } }, 'AAAAAAAAAAE='));
    equal([stale.class, stale.status, stale.header], ['InvalidEtagError', 412, 'PreconditionFailed'], 'the refusal');
    equal((await registry.getTwin(deviceId)).responseBody.tags, { site: { floor: 2 } }, 'the tags');
  });

  await steps.step('a twin is replaced at its etag', 10, async () => {
    const { etag } = (await registry.getTwin(deviceId)).responseBody;
    const body = { tags: { owner: 'ž' }, properties: { desired: { mode: 'eco' } } };
    const replaced = await hub.request('PUT', `/twins/${deviceId}`, { etag, body });
    equal(replaced.tags, { owner: 'ž' }, 'the tags');
    equal(without(replaced.properties.desired), { mode: 'eco' }, 'the desired properties');
    const stale = await hub.refusal(hub.request('PUT', `/twins/${deviceId}`, { etag, body }));
    equal([stale.class, stale.status], ['InvalidEtagError', 412], 'the refusal at the old etag');
  });
}

async function methods() {
  const deviceId = 'interop-methods';
  await steps.step('a method of an unknown device is refused', 10, async () => {
    const { status, header } = await hub.refusal(hub.call('interop-nobody', 'echo', 1));
    equal([status, header], [404, 'DeviceNotFound'], 'the refusal');
  });

  let device;
  await steps.step('a method of a device that is offline is refused', 10, async () => {
    device = Device.start('node', 'mqtt', await hub.createDevice(deviceId));
    const { status, header, code } = await hub.refusal(hub.call(deviceId, 'echo', 1));
    equal([status, header, code], [404, 'DeviceNotOnline', 404103], 'the refusal');
  });
  if (!device) return;

  await steps.step('a method is answered by the device', 20, async () => {
    await device.connect();
    // Behind its acknowledgement, the hub has seen what the device subscribed to.
    await device.send({ bodyBase64: '' });
    equal(await hub.call(deviceId, 'echo', { a: [1, 'ž'] }), { status: 200, payload: { a: [1, 'ž'] } }, 'the answer');
    equal(await hub.call(deviceId, 'refuse', 1), { status: 418, payload: { refused: 1 } }, 'the refusal');
  });

  await steps.step('a method that the device does not answer times out, as late as asked', 20, async () => {
    const begin = performance.now();
    const { class: error, status, header, code } = await hub.refusal(hub.call(deviceId, 'silent', 1, 5));
    const seconds = (performance.now() - begin) / 1000;
    equal([error, status, header, code], ['GatewayTimeoutError', 504, 'GatewayTimeout', 504101], 'the refusal');
    check(seconds >= 4.5 && seconds < 8, `it took ${seconds} s instead of 5`);
  });

  await steps.step('the client of the device disconnects', 10, () => device.disconnect());
}

const deviceNotFound = {
  class: 'DeviceNotFoundError', status: 404, header: 'DeviceNotFound', code: 'DeviceNotFound',
};

/** The properties without what the hub adds. */
function without({ $version, $metadata, ...properties }) {
  return properties;
}

function key(byte) {
  return Buffer.alloc(32, byte).toString('base64');
}

run(main);
