use crate::change::Change;
use crate::event::Event;
use crate::input::{ConnectionId, ExchangeId};
use crate::notice::Notice;
use crate::packet::PacketBuf;
use crate::provisioning::{Errand, Report};
use crate::reading::Reading;
use crate::response::Response;
use crate::transfers::TransferStep;
use crate::uploads::FileStep;

/// One thing to be done about what happened. Effects are carried out in order.
#[derive(Clone, Debug)]
pub enum Effect {
    /// To be on disk before anything after it is carried out.
    Record(Change),
    /// To be appended to the event log before anything after it is carried out.
    Append(Event),
    /// A packet for a device. Without effect if the connection is gone.
    Send {
        /// On which connection.
        connection: ConnectionId,
        /// The packet.
        packet: PacketBuf,
    },
    /// The response to an HTTP request.
    Respond {
        /// Which request.
        exchange: ExchangeId,
        /// The response.
        response: Response,
    },
    /// The response to an HTTP request is what this gives of the event log.
    Read {
        /// Which request.
        exchange: ExchangeId,
        /// What is to be read.
        reading: Reading,
    },
    /// Something to be done with the files of an import or export.
    Transfer {
        /// Which one.
        number: u64,
        /// What is to be done.
        step: TransferStep,
    },
    /// Something to be done with files that devices upload.
    Files(FileStep),
    /// Something to be done in another hub of the process, by [`Input::Errand`](crate::Input::Errand) there. If there is
    /// no such hub, that is to be [reported](Errand::failed).
    Delegate {
        /// The host name of that hub.
        hub: String,
        /// What is to be done.
        errand: Errand,
    },
    /// What came of an errand, for [`Input::Report`](crate::Input::Report) of the hub that keeps the provisioning service.
    Report(Report),
    /// Close a connection, after what was sent on it before.
    Close {
        /// Which connection.
        connection: ConnectionId,
    },
    /// A line for the log.
    Log(Notice),
}

/// The effects of one or more inputs, in order.
pub type Effects = Vec<Effect>;
