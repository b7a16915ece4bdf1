//! What everybody can do: one row a verb.

use crate::conversation::Actor;

/// A verb, and what stands behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verb {
    pub(crate) words: Words,
    pub(crate) rest: Rest,
}

/// The words of a verb that are always there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Words {
    /// Any number.
    Any,
    /// So many.
    Count(usize),
    /// What may stand before a topic, and the topic.
    Message,
}

/// What follows them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rest {
    /// More words.
    Words,
    /// A payload, if there is more.
    Payload,
    /// Nothing.
    Nothing,
}

/// # Errors
///
/// A sentence with the verbs that there are.
pub(crate) fn verb(actor: Actor, name: &str) -> Result<Verb, String> {
    let mine = VERBS.iter().filter(|(actors, ..)| actors.contains(&actor));
    match mine.clone().find(|(_, each, ..)| *each == name) {
        Some((_, _, words, rest)) => Ok(Verb { words: *words, rest: *rest }),
        None => {
            let known: Vec<&str> = mine.map(|(_, each, ..)| *each).collect();
            Err(format!("`{}` does {}, and not {name:?}", actor.name(), known.join(", ")))
        }
    }
}

type Row = (&'static [Actor], &'static str, Words, Rest);

const DEVICE: &[Actor] = &[Actor::Device];
const HUB: &[Actor] = &[Actor::Hub];
const ENDS: &[Actor] = &[Actor::Device, Actor::Hub];
const ANY_END: &[Actor] = &[Actor::Device, Actor::Hub, Actor::Old];
const APP: &[Actor] = &[Actor::App];
const TOLD: &[Actor] = &[Actor::Told];
const BACK: &[Actor] = &[Actor::Back];
const SEEN: &[Actor] = &[Actor::Seen];

const VERBS: &[Row] = &[
    (DEVICE, "CONNECT", Words::Count(1), Rest::Nothing),
    (DEVICE, "SUBSCRIBE", Words::Any, Rest::Words),
    (DEVICE, "UNSUBSCRIBE", Words::Any, Rest::Words),
    // Bytes in hexadecimal, for what no packet is.
    (DEVICE, "bytes", Words::Any, Rest::Words),
    (HUB, "CONNACK", Words::Any, Rest::Words),
    (HUB, "SUBACK", Words::Any, Rest::Words),
    (HUB, "UNSUBACK", Words::Any, Rest::Words),
    (ENDS, "PUBLISH", Words::Message, Rest::Payload),
    (ENDS, "PUBACK", Words::Count(1), Rest::Words),
    (ENDS, "AUTH", Words::Count(1), Rest::Nothing),
    (ANY_END, "DISCONNECT", Words::Any, Rest::Words),
    // The connection, without another word.
    (ANY_END, "closes", Words::Any, Rest::Nothing),
    (APP, "listens", Words::Any, Rest::Words),
    (APP, "sends", Words::Count(1), Rest::Payload),
    (APP, "answers", Words::Count(1), Rest::Payload),
    (APP, "declines", Words::Count(1), Rest::Nothing),
    (APP, "completes", Words::Any, Rest::Nothing),
    (APP, "abandons", Words::Any, Rest::Nothing),
    (APP, "rejects", Words::Any, Rest::Nothing),
    (APP, "asks", Words::Any, Rest::Words),
    (APP, "reports", Words::Any, Rest::Payload),
    (APP, "reports-if", Words::Count(1), Rest::Payload),
    (APP, "renews", Words::Any, Rest::Nothing),
    (TOLD, "ready", Words::Any, Rest::Nothing),
    (TOLD, "connect-refused", Words::Count(2), Rest::Nothing),
    (TOLD, "subscribe-refused", Words::Any, Rest::Words),
    (TOLD, "sent", Words::Any, Rest::Nothing),
    (TOLD, "send-refused", Words::Count(1), Rest::Nothing),
    (TOLD, "command", Words::Any, Rest::Payload),
    (TOLD, "input", Words::Count(1), Rest::Payload),
    (TOLD, "method", Words::Count(1), Rest::Payload),
    (TOLD, "twin", Words::Any, Rest::Payload),
    (TOLD, "section", Words::Count(1), Rest::Payload),
    (TOLD, "not-modified", Words::Any, Rest::Nothing),
    (TOLD, "reported", Words::Count(1), Rest::Nothing),
    (TOLD, "refused", Words::Count(1), Rest::Nothing),
    (TOLD, "timed-out", Words::Any, Rest::Nothing),
    (TOLD, "lost", Words::Any, Rest::Nothing),
    (TOLD, "current", Words::Count(1), Rest::Payload),
    (TOLD, "changed", Words::Count(1), Rest::Payload),
    (TOLD, "missed", Words::Count(2), Rest::Nothing),
    (TOLD, "unavailable", Words::Count(1), Rest::Nothing),
    (TOLD, "disconnected", Words::Count(1), Rest::Nothing),
    (TOLD, "renew-soon", Words::Any, Rest::Nothing),
    (TOLD, "renewed", Words::Any, Rest::Nothing),
    (TOLD, "not-renewed", Words::Any, Rest::Nothing),
    (BACK, "calls", Words::Count(1), Rest::Payload),
    (BACK, "sends", Words::Any, Rest::Payload),
    (BACK, "desires", Words::Any, Rest::Payload),
    (BACK, "reads", Words::Any, Rest::Nothing),
    (BACK, "disables", Words::Any, Rest::Nothing),
    (BACK, "deletes", Words::Any, Rest::Nothing),
    (SEEN, "telemetry", Words::Any, Rest::Payload),
    (SEEN, "answered", Words::Count(1), Rest::Payload),
    (SEEN, "refused", Words::Count(1), Rest::Nothing),
    // What a hub learns of a command.
    (SEEN, "settled", Words::Count(1), Rest::Nothing),
    (SEEN, "twin", Words::Any, Rest::Payload),
    (&[Actor::Time], "passes", Words::Count(1), Rest::Nothing),
];
