"""Files, by the Python device client and by the client of Azure's storage."""

from azure.core.exceptions import HttpResponseError
from azure.iot.device import IoTHubDeviceClient
from azure.iot.hub import IoTHubRegistryManager
from azure.storage.blob import BlobClient

from hub import CONNECTION, HOST
from steps import Steps, equal, run

DEVICE = "interop-py-files"


def main():
    steps = Steps("python files")
    registry = IoTHubRegistryManager.from_connection_string(CONNECTION)
    made = registry.create_device_with_sas(DEVICE, "", "", "enabled")
    key = made.authentication.symmetric_key.primary_key
    client = IoTHubDeviceClient.create_from_connection_string(
        "HostName=%s;DeviceId=%s;SharedAccessKey=%s" % (HOST, DEVICE, key)
    )
    client.connect()
    steps.step("a file is uploaded at once, and read", lambda: at_once(client))
    steps.step("a file is uploaded in blocks, and read in parts", lambda: in_blocks(client))
    steps.step("what the storage refuses comes as its errors", lambda: refused(client))
    client.disconnect()
    registry.delete_device(DEVICE)


def at_once(client):
    info = client.get_storage_info_for_blob("logs/a file.txt")
    blob = BlobClient.from_blob_url(address(info))
    text = "žluťoučký kůň".encode()
    blob.upload_blob(text, overwrite=True, metadata={"color": "red"})
    client.notify_blob_upload_status(info["correlationId"], True, 200, "done")
    read = blob.download_blob()
    equal(read.readall(), text, "the content")
    equal(read.properties.metadata, {"color": "red"}, "the metadata")


def in_blocks(client):
    info = client.get_storage_info_for_blob("big.bin")
    size = 1024 * 1024
    blob = BlobClient.from_blob_url(
        address(info),
        max_block_size=size,
        max_single_put_size=1024,
        max_single_get_size=size,
        max_chunk_get_size=size,
    )
    content = b"interop" * (size // 2)
    blob.upload_blob(content, overwrite=True, max_concurrency=4)
    client.notify_blob_upload_status(info["correlationId"], True, 200, "done")
    equal(blob.download_blob(max_concurrency=2).readall() == content, True, "that the content is the same")
    committed, uncommitted = blob.get_block_list("all")
    equal((len(committed), uncommitted), (4, []), "the blocks")


def refused(client):
    info = client.get_storage_info_for_blob("refused.bin")
    blob = BlobClient.from_blob_url(address(info), retry_total=0)
    equal(problem(blob.get_blob_properties), (404, "BlobNotFound"), "a file that is not there")
    blob.upload_blob(b"")
    equal(blob.download_blob().readall(), b"", "an empty file")
    # It does not replace a file unless it is told to.
    equal(problem(lambda: blob.upload_blob(b"x")), (409, "BlobAlreadyExists"), "a file that is there")
    other = BlobClient.from_blob_url(address({**info, "blobName": DEVICE + "/other.bin"}), retry_total=0)
    equal(problem(lambda: other.upload_blob(b"x")), (403, "AuthenticationFailed"), "another file")
    client.notify_blob_upload_status(info["correlationId"], False, 500, "tried")


def address(info):
    return "https://%(hostName)s/%(containerName)s/%(blobName)s%(sasToken)s" % info


def problem(action):
    try:
        action()
    except HttpResponseError as error:
        return (error.status_code, getattr(error.error_code, "value", error.error_code))
    return "no problem"


run(main)
