//! All conversations, by all players but the server. `cargo xtask conformance` has the server, too.

use iothub_codec::Dialect;
use iothub_conformance::{Outcome, Players, read, read_all};

#[test]
fn sessions_and_the_hub_in_memory_hold_every_conversation() {
    let conversations = read_all().unwrap_or_else(|error| panic!("{error}"));
    let mut players = Players::new(&["device", "session", "hub"]).unwrap();
    let mut failures = String::new();
    for conversation in &conversations {
        let outcomes = players.play(conversation);
        for (outcome, player) in outcomes.iter().zip(players.names()) {
            if let Outcome::Failed(difference) = outcome {
                let (dialect, title) = (conversation.dialect.name(), &conversation.title);
                failures.push_str(&format!("{title} ({dialect}, {player}), {difference}\n"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn every_conversation_is_held_by_somebody() {
    for conversation in read_all().unwrap_or_else(|error| panic!("{error}")) {
        let excused = conversation.not_for.len();
        assert!(excused < iothub_conformance::NAMES.len(), "{}", conversation.title);
    }
}

/// What goes well, line by line.
const CALL: &str = "\
# A method is called and answered.
app     listens methods
device  CONNECT fresh
hub     CONNACK fresh
device  SUBSCRIBE $iothub/methods/POST/# 0
hub     SUBACK 0
told    ready
back    calls reboot {\"delay\":5}
hub     PUBLISH $iothub/methods/POST/reboot/?$rid={r} {\"delay\":5}
told    method reboot {\"delay\":5}
app     answers 200 {\"ok\":true}
device  PUBLISH $iothub/methods/res/200/?$rid={r} {\"ok\":true}
seen    answered 200 {\"ok\":true}
";

#[test]
fn a_line_that_says_something_else_is_told_with_what_happened() {
    for (line, changed, player, got) in [
        (6, "hub     SUBACK 1", "session", "hub     SUBACK 0"),
        (6, "hub     SUBACK 1", "hub", "hub     SUBACK 0"),
        (4, "hub     CONNACK resumed", "hub", "hub     CONNACK fresh"),
        (5, "device  SUBSCRIBE $iothub/methods/# 0", "device", "$iothub/methods/POST/# 0"),
        (9, "hub     PUBLISH $iothub/methods/POST/halt/?$rid={r} {\"delay\":5}", "hub", "POST/reboot/"),
        (9, "hub     PUBLISH $iothub/methods/POST/reboot/?$rid={r} {\"delay\":6}", "session", "5}"),
        (10, "told    method reboot {\"delay\":6}", "device", "told    method reboot {\"delay\":5}"),
        (12, "device  PUBLISH $iothub/methods/res/200/?$rid={s}{r} {\"ok\":true}", "device", "{\"ok\":true}"),
        (12, "device  PUBLISH $iothub/methods/res/200/?$rid=other {\"ok\":true}", "hub", "nothing"),
        (13, "seen    answered 201 {\"ok\":true}", "hub", "seen    answered 200"),
        (13, "// nothing is seen", "session", "seen    answered 200 {\"ok\":true}"),
    ] {
        let mut lines: Vec<&str> = CALL.lines().collect();
        lines[line - 1] = changed;
        let [conversation] = &read(&lines.join("\n"), Dialect::Classic, "methods").unwrap()[..] else {
            panic!("one conversation");
        };
        let outcomes = Players::new(&[player]).unwrap().play(conversation);
        let [Outcome::Failed(difference)] = &outcomes[..] else { panic!("{changed}: {outcomes:?}") };
        assert!(difference.got.contains(got), "{changed}: {difference}");
        assert!(difference.line >= line - 1, "{changed}: {difference}");
    }
}
