//! The words of the application on a device.

use iothub_codec::{Channels, Name, Properties, Status, Text, TwinPart};
use iothub_proto::{DeviceEvent, Verdict};

use crate::conversation::Deed;
use crate::packets::code;
use crate::player::Trouble;

const CHANNELS: [(&str, Channels); 5] = [
    ("commands", Channels::COMMANDS),
    ("methods", Channels::METHODS),
    ("replies", Channels::REPLIES),
    ("desired", Channels::DESIRED),
    ("inputs", Channels::INPUTS),
];

/// What the application wants to listen to.
pub(super) fn channels(deed: &Deed) -> Result<Channels, Trouble> {
    deed.words.iter().try_fold(Channels::NONE, |all, word| {
        let found = CHANNELS.iter().find(|(name, _)| name == word);
        let (_, channel) = found.ok_or_else(|| Trouble::new(format!("no channel: {word}")))?;
        Ok(all.union(*channel))
    })
}

/// A status in four hexadecimal digits.
pub(super) fn status(word: &str) -> Result<Status, Trouble> {
    u16::from_str_radix(word, 16).map(Status::from_code).map_err(Trouble::new)
}

/// What the verb does with a command.
pub(super) fn verdict(verb: &str) -> Verdict {
    match verb {
        "abandons" => Verdict::Abandon,
        "rejects" => Verdict::Reject,
        _ => Verdict::Complete,
    }
}

/// The same as what a hub learns of it.
pub(super) const fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Complete => "complete",
        Verdict::Abandon => "abandon",
        Verdict::Reject => "reject",
    }
}

/// What an application is told, in words.
pub(super) fn told(event: &DeviceEvent<'_>) -> Deed {
    let deed = Deed::new(verb(event));
    match event {
        DeviceEvent::Ready
        | DeviceEvent::RenewSoon
        | DeviceEvent::Renewed
        | DeviceEvent::NotRenewed
        | DeviceEvent::NotModified { .. }
        | DeviceEvent::TimedOut { .. }
        | DeviceEvent::Lost { .. }
        | DeviceEvent::Sent { .. } => deed,
        DeviceEvent::ConnectRefused { reason, outcome, .. } => {
            deed.word(code(reason.code())).word(digits(outcome.status))
        }
        DeviceEvent::Disconnected { reason_code, .. } => deed.word(code(*reason_code)),
        DeviceEvent::SubscribeRefused { channels, .. } => {
            let refused = CHANNELS.iter().filter(|(_, each)| channels.contains(*each));
            refused.fold(deed, |deed, (name, _)| deed.word(name))
        }
        DeviceEvent::Twin { part: TwinPart::Whole, document, .. } => deed.payload(document),
        DeviceEvent::Twin { document, version, .. } => {
            deed.word(version.map_or_else(|| "-".to_owned(), |version| version.to_string())).payload(document)
        }
        DeviceEvent::Reported { version, .. } => {
            deed.word(version.map_or_else(|| "-".to_owned(), |version| version.to_string()))
        }
        DeviceEvent::Refused { status, .. } | DeviceEvent::DesiredUnavailable { status } => {
            deed.word(digits(*status))
        }
        DeviceEvent::SendRefused { outcome, .. } => deed.word(digits(outcome.status)),
        DeviceEvent::Command { command, .. } => {
            with_properties(deed.payload(command.payload), &command.properties)
        }
        DeviceEvent::Input { input, .. } => {
            with_properties(deed.word(text(input.name)).payload(input.payload), &input.properties)
        }
        DeviceEvent::Method(call) => deed.word(call.name).payload(call.payload),
        DeviceEvent::DesiredChanged(change) => deed.word(change.version).payload(change.patch),
        DeviceEvent::DesiredMissed { known, version } => deed.word(known).word(version),
        DeviceEvent::DesiredCurrent { version, desired, .. } => deed.word(version).payload(desired),
    }
}

fn verb(event: &DeviceEvent<'_>) -> &'static str {
    match event {
        DeviceEvent::Ready => "ready",
        DeviceEvent::ConnectRefused { .. } => "connect-refused",
        DeviceEvent::Disconnected { .. } => "disconnected",
        DeviceEvent::SubscribeRefused { .. } => "subscribe-refused",
        DeviceEvent::RenewSoon => "renew-soon",
        DeviceEvent::Renewed => "renewed",
        DeviceEvent::NotRenewed => "not-renewed",
        DeviceEvent::Twin { part: TwinPart::Whole, .. } => "twin",
        DeviceEvent::Twin { part: TwinPart::Desired | TwinPart::Reported, .. } => "section",
        DeviceEvent::NotModified { .. } => "not-modified",
        DeviceEvent::Reported { .. } => "reported",
        DeviceEvent::Refused { .. } => "refused",
        DeviceEvent::TimedOut { .. } => "timed-out",
        DeviceEvent::Lost { .. } => "lost",
        DeviceEvent::Sent { .. } => "sent",
        DeviceEvent::SendRefused { .. } => "send-refused",
        DeviceEvent::Command { .. } => "command",
        DeviceEvent::Input { .. } => "input",
        DeviceEvent::Method(_) => "method",
        DeviceEvent::DesiredChanged(_) => "changed",
        DeviceEvent::DesiredMissed { .. } => "missed",
        DeviceEvent::DesiredCurrent { .. } => "current",
        DeviceEvent::DesiredUnavailable { .. } => "unavailable",
    }
}

/// Properties of a message as lines below it: IoT Hub's by the names that back ends read.
pub(super) fn with_properties(deed: Deed, properties: &Properties<'_>) -> Deed {
    properties.iter().fold(deed, |deed, property| match property.name {
        Name::Application(name) => deed.field(text(name), text(property.value)),
        Name::System(name) => deed.field(format!("system {}", name.event_name()), text(property.value)),
    })
}

fn text(text: Text<'_>) -> String {
    text.to_string()
}

fn digits(status: Status) -> String {
    format!("{:04X}", status.code())
}
