//! Reads conversations from files. The format is told in the folder `conversations/`.

use std::fs;
use std::path::{Path, PathBuf};

use iothub_codec::Dialect;

use crate::conversation::{Actor, Conversation, Deed, Step};
use crate::vocabulary::{Rest, Words, verb};

/// Longest file, in bytes.
const FILE_MAX: u64 = 64 * 1024;
/// Most conversations in a file.
const CONVERSATIONS_MAX: usize = 64;
/// Most steps of a conversation.
const STEPS_MAX: usize = 256;

/// What is wrong with a file, and where.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}: {what}", path.display())]
pub struct BadConversation {
    /// The file.
    pub path: PathBuf,
    /// Which line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong, and what was expected.
    pub what: String,
}

/// The conversations of this crate.
///
/// # Errors
///
/// [`BadConversation`] for the first that cannot be read.
pub fn read_all() -> Result<Vec<Conversation>, BadConversation> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conversations");
    let mut all = Vec::new();
    for &dialect in Dialect::ALL {
        let folder = root.join(dialect.name());
        for path in files(&folder)? {
            all.extend(read_file(&path, dialect)?);
        }
    }
    Ok(all)
}

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, BadConversation> {
    let bad = |error: std::io::Error| whole(folder, error.to_string());
    let entries = fs::read_dir(folder).map_err(bad)?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(bad)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    Ok(paths)
}

fn read_file(path: &Path, dialect: Dialect) -> Result<Vec<Conversation>, BadConversation> {
    let bad = |error: std::io::Error| whole(path, error.to_string());
    let len = fs::metadata(path).map_err(bad)?.len();
    if len > FILE_MAX {
        return Err(whole(path, format!("{len} bytes, and at most {FILE_MAX} are read")));
    }
    let feature = path.file_stem().unwrap_or_default().to_string_lossy();
    read(&fs::read_to_string(path).map_err(bad)?, dialect, &feature).map_err(|(line, what)| BadConversation {
        path: path.to_owned(),
        line,
        what,
    })
}

fn whole(path: &Path, what: String) -> BadConversation {
    BadConversation { path: path.to_owned(), line: 0, what }
}

/// Reads the text of a file.
///
/// # Errors
///
/// The line, from 1, and what is wrong with it.
pub fn read(text: &str, dialect: Dialect, feature: &str) -> Result<Vec<Conversation>, (usize, String)> {
    let mut all: Vec<Conversation> = Vec::new();
    let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim_end()));
    for (number, line) in numbered {
        let at = |what: String| (number, what);
        if line.is_empty() || line.trim_start().starts_with("//") {
            continue;
        }
        if let Some(title) = line.strip_prefix("# ") {
            if all.len() == CONVERSATIONS_MAX {
                return Err(at(format!("more than {CONVERSATIONS_MAX} conversations in a file")));
            }
            all.push(empty(dialect, feature, title));
            continue;
        }
        let Some(conversation) = all.last_mut() else {
            return Err(at("a conversation begins with its title: `# A sentence.`".into()));
        };
        if line.starts_with([' ', '\t']) {
            field(conversation, line.trim_start()).map_err(at)?;
        } else if conversation.steps.is_empty() && header(conversation, line).map_err(at)? {
            continue;
        } else if conversation.steps.len() == STEPS_MAX {
            return Err(at(format!("more than {STEPS_MAX} steps in a conversation")));
        } else {
            conversation.steps.push(step(number, line).map_err(at)?);
        }
    }
    match all.iter().find(|conversation| conversation.steps.is_empty()) {
        Some(conversation) => Err((0, format!("nothing happens in {:?}", conversation.title))),
        None => Ok(all),
    }
}

fn empty(dialect: Dialect, feature: &str, title: &str) -> Conversation {
    Conversation {
        dialect,
        feature: feature.to_owned(),
        title: title.to_owned(),
        module: None,
        not_for: Vec::new(),
        steps: Vec::new(),
    }
}

/// A line between the title and the first step; `false` for what is a step.
fn header(conversation: &mut Conversation, line: &str) -> Result<bool, String> {
    if let Some(module) = line.strip_prefix("module: ") {
        conversation.module = Some(module.trim().to_owned());
        return Ok(true);
    }
    let Some(rest) = line.strip_prefix("not for ") else { return Ok(false) };
    let (player, why) = rest.split_once(": ").ok_or("`not for PLAYER: why` is expected")?;
    if !crate::player::NAMES.contains(&player) {
        let known = crate::player::NAMES.join(", ");
        return Err(format!("there is no player {player:?}; there are {known}"));
    }
    conversation.not_for.push((player.to_owned(), why.to_owned()));
    Ok(true)
}

/// An indented line: it belongs to the step above.
fn field(conversation: &mut Conversation, line: &str) -> Result<(), String> {
    let step = conversation.steps.last_mut().ok_or("an indented line belongs to a step above it")?;
    let (name, value) = match line.split_once(": ") {
        Some((name, value)) => (name, value),
        None => (line.strip_suffix(':').ok_or("`name: value` is expected")?, ""),
    };
    step.deed.fields.push((name.to_owned(), value.to_owned()));
    Ok(())
}

fn step(number: usize, line: &str) -> Result<Step, String> {
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let actor = Actor::ALL.into_iter().find(|actor| actor.name() == name).ok_or_else(|| {
        let known = Actor::ALL.map(Actor::name).join(", ");
        format!("a line begins with who acts, one of {known}, and not with {name:?}")
    })?;
    Ok(Step { line: number, actor, deed: deed(actor, rest.trim_start())? })
}

fn deed(actor: Actor, text: &str) -> Result<Deed, String> {
    let mut rest = text;
    let name = next_word(&mut rest).unwrap_or_default();
    let known = verb(actor, name)?;
    let mut deed = Deed::new(name);
    match known.words {
        Words::Any => {}
        Words::Count(count) => {
            for _ in 0..count {
                let word = next_word(&mut rest).ok_or_else(|| format!("`{name}` wants {count} words"))?;
                deed.words.push(word.to_owned());
            }
        }
        Words::Message => {
            while rest.starts_with('@') || rest.starts_with("dup ") || rest.starts_with("retain ") {
                deed.words.extend(next_word(&mut rest).map(str::to_owned));
            }
            let topic = next_word(&mut rest).ok_or_else(|| format!("`{name}` wants a topic"))?;
            deed.words.push(topic.to_owned());
        }
    }
    match known.rest {
        Rest::Words => {
            while let Some(word) = next_word(&mut rest) {
                deed.words.push(word.to_owned());
            }
        }
        Rest::Payload => deed.payload = (!rest.is_empty()).then(|| rest.to_owned()),
        Rest::Nothing if rest.is_empty() => {}
        Rest::Nothing => return Err(format!("`{name}` ends before {rest:?}")),
    }
    Ok(deed)
}

fn next_word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((*rest, ""));
    *rest = after.trim_start();
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Conversation>, (usize, String)> {
        super::read(text, Dialect::Classic, "methods")
    }

    #[test]
    fn steps_are_who_what_words_payload_and_fields() {
        let text = "// why\n# A title.\nmodule: m\nnot for server: it waits\n\n\
                    device  PUBLISH @{a} dup a/b {\"t\": 1}\n    name: a: b\n    none:\nhub  PUBACK @{a}\n";
        let all = read(text).unwrap();
        let [one] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((one.title.as_str(), one.module.as_deref()), ("A title.", Some("m")));
        assert_eq!(one.not_for, [("server".to_owned(), "it waits".to_owned())]);
        let publish = &one.steps[0];
        assert_eq!((publish.line, publish.actor), (6, Actor::Device));
        assert_eq!(publish.deed.words, ["@{a}", "dup", "a/b"]);
        assert_eq!(publish.deed.payload.as_deref(), Some("{\"t\": 1}"));
        let fields = [("name", "a: b"), ("none", "")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(publish.deed.fields, fields);
        assert_eq!(one.steps[1].deed, Deed::new("PUBACK").word("@{a}"));
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        for (text, line, what) in [
            ("device CONNECT fresh\n", 1, "begins with its title"),
            ("# a\n", 0, "nothing happens"),
            (
                "# a\nnot for me: x\n",
                2,
                "no player \"me\"; there are device, session, hub, server, websocket",
            ),
            ("# a\nnot for hub\n", 2, "`not for PLAYER: why`"),
            ("# a\n    b: c\n", 2, "belongs to a step"),
            ("# a\ndevice SUBSCRIBE b 0\n    c\n", 3, "`name: value`"),
            ("# a\n\nclient CONNECT\n", 3, "begins with who acts"),
            ("# a\ndevice CONNACK\n", 2, "`device` does CONNECT"),
            ("# a\nseen answered\n", 2, "wants 1 words"),
            ("# a\napp completes it\n", 2, "ends before \"it\""),
            ("# a\nhub PUBLISH @1\n", 2, "wants a topic"),
        ] {
            let (at, why) = read(text).unwrap_err();
            assert!(at == line && why.contains(what), "{text:?}: {at}: {why}");
        }
        let many = "time passes 1\n".repeat(STEPS_MAX + 1);
        assert!(read(&format!("# a\n{many}")).is_err_and(|(at, _)| at == STEPS_MAX + 2));
    }

    #[test]
    fn the_files_can_be_read() {
        let all = read_all().unwrap_or_else(|error| panic!("{error}"));
        assert!(!all.is_empty());
    }
}
