use iothub_outbox::{Contents, Losses};

use super::Outbox;
use crate::metrics::Meter;

/// Tells how much is in the outbox, and what is lost of it, until it is closed or this is dropped.
pub(super) async fn tell(outbox: Outbox, meter: Meter) {
    let mut now = outbox.contents();
    // What was lost before is told of no more.
    let mut told = Told { meter, contents: Contents { lost: now.lost, ..NOTHING } };
    loop {
        told.tell(now);
        match outbox.changed_from(now).await {
            Some(next) => now = next,
            None => return,
        }
    }
}

const NOTHING: Contents =
    Contents { messages: 0, bytes: 0, lost: Losses { overflow: 0, too_old: 0, undeliverable: 0 } };

/// What was told; dropped, that it is not known any longer.
struct Told {
    meter: Meter,
    contents: Contents,
}

impl Told {
    fn tell(&mut self, now: Contents) {
        let before = core::mem::replace(&mut self.contents, now);
        let messages = more(before.messages, now.messages);
        let bytes = more(before.bytes, now.bytes);
        if (messages, bytes) != (0, 0) {
            self.meter.tell(|metrics| metrics.outbox_changed(messages, bytes));
        }
        let lost = now.lost.total().saturating_sub(before.lost.total());
        if lost > 0 {
            self.meter.tell(|metrics| metrics.outbox_lost(lost));
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.tell(Contents { lost: self.contents.lost, ..NOTHING });
    }
}

fn more(before: u64, now: u64) -> i64 {
    now.wrapping_sub(before).cast_signed()
}
