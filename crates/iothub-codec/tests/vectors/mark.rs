//! Inputs with a mark where the trouble begins, and the two ends that read them.

use iothub_codec::{Codec, DeviceId, Dialect, Identity, ModuleId};

const MARK: char = '‸';

/// The input without its mark, and the byte at which that stood.
pub(crate) fn unmark(marked: &str) -> (String, usize) {
    let at = marked.find(MARK).expect("there is a mark");
    let input = marked.replacen(MARK, "", 1);
    assert!(!input.contains(MARK), "one mark is enough: {marked}");
    (input, at)
}

pub(crate) fn device() -> Codec<'static> {
    Codec::new(Dialect::Classic, Identity::device(DeviceId::new("dev-1").unwrap()))
}

pub(crate) fn module() -> Codec<'static> {
    let device = DeviceId::new("dev-1").unwrap();
    Codec::new(Dialect::Classic, Identity::module(device, ModuleId::new("mod-1").unwrap()))
}
