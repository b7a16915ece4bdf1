//! The two ends that read and write in these tests, in the dialect that they are about.

use iothub_codec::{Codec, DeviceId, Identity, ModuleId, RequestId};

use crate::DIALECT;

pub(crate) fn device() -> Codec<'static> {
    Codec::new(DIALECT, Identity::device(DeviceId::new("dev-1").unwrap()))
}

pub(crate) fn module() -> Codec<'static> {
    let device = DeviceId::new("dev-1").unwrap();
    Codec::new(DIALECT, Identity::module(device, ModuleId::new("mod-1").unwrap()))
}

pub(crate) fn request(id: &str) -> RequestId<'_> {
    RequestId::new(id.as_bytes()).unwrap()
}
