'use strict';
// Files, by the Node device client and by the client of Azure's storage: from the device to whoever is told of them.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Readable } = require('node:stream');
const { BlockBlobClient } = require('@azure/storage-blob');
const { Client } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const hub = require('./hub');
const { Steps, check, equal, run } = require('./steps');

const deviceId = 'interop-node-files';
const steps = new Steps('node files');

async function main() {
  const client = Client.fromConnectionString(await hub.createDevice(deviceId), Mqtt);
  await steps.step('uploadToBlob writes a file, and a back end is told of it', 30, async () => {
    const text = Buffer.from('žluťoučký kůň');
    await client.uploadToBlob('logs/a file.txt', Readable.from([text]), text.length);
    const [notification] = await told();
    const { blobName, blobSizeInBytes } = notification;
    equal([notification.deviceId, blobSizeInBytes], [deviceId, text.length], 'the notification');
    equal(blobName, `${deviceId}/logs/a file.txt`, 'the name');
    equal(await content(blobName), digest(text), 'the content');
  });

  await steps.step('the client of the storage writes a file in blocks, and its end is told', 60, async () => {
    const access = await client.getBlobSharedAccessSignature('big.bin');
    const bytes = Buffer.alloc(9 * 1024 * 1024, 'interop');
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'interop-')), 'big.bin');
    fs.writeFileSync(file, bytes);
    const blob = new BlockBlobClient(address(access));
    await blob.uploadFile(file, { blockSize: 1024 * 1024, maxSingleShotSize: 1024, concurrency: 4 });
    await client.notifyBlobUploadStatus(access.correlationId, true, 200, 'done');
    const [{ blobName, blobSizeInBytes }] = await told();
    equal(blobSizeInBytes, bytes.length, 'the length');
    equal(await content(blobName), digest(bytes), 'the content');
    fs.rmSync(path.dirname(file), { recursive: true });
    const { committedBlocks } = await blob.getBlockList('all');
    equal(committedBlocks.length, 9, 'the number of blocks');
    const part = await blob.download(7, 14);
    equal((await collect(part.readableStreamBody)).toString(), 'interopinterop', 'a part of it');
    const properties = await blob.getProperties();
    equal(properties.contentLength, bytes.length, 'the length in the properties');
    check(properties.etag && properties.lastModified instanceof Date, 'no etag or date');
  });

  await steps.step('a failure is told, and nobody hears of a file', 20, async () => {
    const access = await client.getBlobSharedAccessSignature('failed.bin');
    await client.notifyBlobUploadStatus(access.correlationId, false, -1, 'no');
    equal(await told(), [], 'what is told');
  });

  await steps.step('what the storage refuses comes as its errors', 20, async () => {
    const access = await client.getBlobSharedAccessSignature('refused.bin');
    const other = new BlockBlobClient(address({ ...access, blobName: `${deviceId}/other.bin` }));
    equal(await problem(other.upload('x', 1)), [403, 'AuthenticationFailed'], 'another file');
    const mine = new BlockBlobClient(address(access));
    equal(await problem(mine.getProperties()), [404, 'BlobNotFound'], 'a file that is not there');
    await mine.upload('x', 1);
    const conditions = { ifNoneMatch: '*' };
    equal(await problem(mine.upload('y', 1, { conditions })), [409, 'BlobAlreadyExists'], 'a file that is there');
    await client.notifyBlobUploadStatus(access.correlationId, false, 500, 'tried');
  });
  await client.close();
}

/** Where the client of the storage finds a file. */
function address({ hostName, containerName, blobName, sasToken }) {
  return `https://${hostName}/${containerName}/${encodeURIComponent(blobName)}${sasToken}`;
}

/** What back ends are told of by now, which is completed with that. */
async function told() {
  const printed = await hub.iothub('file', 'monitor', '--no-wait', '-o', 'json');
  return printed.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

/** The digest of a file, fetched as back ends do. */
async function content(blobName) {
  const access = await hub.request('POST', '/$local/files/access', { body: { blobName } });
  const { readableStreamBody } = await new BlockBlobClient(address(access)).download();
  return digest(await collect(readableStreamBody));
}

async function collect(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function problem(promise) {
  try {
    await promise;
  } catch (error) {
    return [error.statusCode, error.code ?? error.details?.errorCode];
  }
  return 'no problem';
}

function digest(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

run(main);
