use iothub_server::{ByteStream, Interposer};

use super::Faults;
use super::acknowledgements::Acknowledging;
use super::refusal::Refusing;

/// Has what goes wrong in MQTT go wrong in the hub.
#[derive(Debug)]
pub(crate) struct Interposed(pub(crate) Faults);

impl Interposer for Interposed {
    fn interpose(&self, stream: Box<dyn ByteStream>) -> Box<dyn ByteStream> {
        let refusing = Refusing::new(stream, self.0.clone());
        Box::new(Acknowledging::new(refusing, self.0.clone()))
    }
}
