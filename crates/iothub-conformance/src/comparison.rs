//! Whether what happened is what a conversation says.

use serde_json::Value;

use crate::conversation::{Actor, Deed};
use crate::names::Names;

/// Whether `got` is what `wanted` says, with names bound as they are met.
///
/// A payload of JSON must have what is wanted and may have more; any other must be the same text. Of the lines below,
/// a message must have those that are wanted and no others; whoever is told or sees something may be told more, and
/// a CONNACK may say more.
pub(crate) fn agrees(actor: Actor, wanted: &Deed, got: &Deed, names: &mut Names) -> bool {
    if wanted.verb != got.verb || wanted.words.len() != got.words.len() {
        return false;
    }
    let mut met = names.clone();
    let words = wanted.words.iter().zip(&got.words).all(|(wanted, got)| met.meet(wanted, got));
    let fits = words
        && payload_agrees(wanted.payload.as_deref(), got.payload.as_deref(), &mut met)
        && fields_agree(wanted, got, &mut met)
        && (may_have_more(actor, &wanted.verb) || wanted.fields.len() == got.fields.len());
    if fits {
        *names = met;
    }
    fits
}

fn may_have_more(actor: Actor, verb: &str) -> bool {
    match actor {
        Actor::Device | Actor::Old => false,
        Actor::Hub => verb == "CONNACK",
        Actor::App | Actor::Told | Actor::Back | Actor::Seen | Actor::Time => true,
    }
}

fn payload_agrees(wanted: Option<&str>, got: Option<&str>, names: &mut Names) -> bool {
    let (wanted, got) = match (wanted, got) {
        (Some(wanted), Some(got)) => (wanted, got),
        (None, None) => return true,
        (Some(_), None) | (None, Some(_)) => return false,
    };
    match (serde_json::from_str(wanted), serde_json::from_str(got)) {
        (Ok(wanted), Ok(got)) => contains(&got, &wanted),
        _ => names.meet(wanted, got),
    }
}

/// Whether all of `wanted` is in `whole`: of objects some members, of everything else the same.
fn contains(whole: &Value, wanted: &Value) -> bool {
    match (whole, wanted) {
        (Value::Object(whole), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| whole.get(name).is_some_and(|value| contains(value, wanted)))
        }
        (Value::Array(whole), Value::Array(wanted)) => {
            whole.len() == wanted.len() && whole.iter().zip(wanted).all(|(a, b)| contains(a, b))
        }
        (whole, wanted) => whole == wanted,
    }
}

/// Each that is wanted finds one of its own.
fn fields_agree(wanted: &Deed, got: &Deed, names: &mut Names) -> bool {
    let mut left: Vec<&(String, String)> = got.fields.iter().collect();
    wanted.fields.iter().all(|(name, value)| {
        let found = left.iter().position(|(each, text)| each == name && names.meet(value, text));
        found.map(|at| left.swap_remove(at)).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(payload: &str) -> Deed {
        Deed::new("PUBLISH").word("a/b").payload(payload.as_bytes())
    }

    #[test]
    fn json_may_have_more_and_text_may_not() {
        for (wanted, got, expected) in [
            (r#"{"a":{"b":1}}"#, r#"{"a": {"b": 1, "c": 2}, "d": 3}"#, true),
            (r#"{"a":{"b":1}}"#, r#"{"a":{"b":2}}"#, false),
            (r#"{"a":null}"#, "{}", false),
            ("[1,{}]", r#"[1,{"a":1}]"#, true),
            ("[1]", "[1,2]", false),
            ("hot", "hot", true),
            ("hot", "hotter", false),
            ("{_}", "hotter", true),
            ("", "{}", false),
            ("{}", "", false),
            ("", "", true),
        ] {
            let agreed = agrees(Actor::Hub, &publish(wanted), &publish(got), &mut Names::default());
            assert_eq!(agreed, expected, "{wanted} {got}");
        }
    }

    #[test]
    fn a_message_has_the_fields_that_are_wanted_and_no_others() {
        let mut names = Names::default();
        let got = publish("x").field("version", 3).field("version", 4);
        let three = publish("x").field("version", "{v}");
        assert!(!agrees(Actor::Hub, &three, &got, &mut names));
        assert!(agrees(Actor::Told, &three, &got, &mut names));
        let other = publish("x").field("version", 4).field("version", "{v}");
        assert!(agrees(Actor::Hub, &other, &got, &mut names), "{names:?} knows 3");
        assert!(!agrees(Actor::Told, &publish("x").field("none", "{_}"), &got, &mut names));
    }
}
