use core::fmt;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::output::remark;

/// The hubs that a user has given names to, and which of them is meant when none is named. Holds secrets, and so
/// shows nothing of itself.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contexts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_use: Option<ContextName>,
    contexts: BTreeMap<ContextName, Context>,
}

/// How a hub is reached.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Context {
    pub(crate) connection_string: String,
    /// What vouches for it, unless this machine trusts it anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// What a user calls a hub: up to 64 letters, digits and `- . _`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ContextName(String);

impl Contexts {
    /// What is kept, which may be nothing.
    pub(crate) fn read() -> Result<Self, Failure> {
        if let Some(folder) = folder() {
            warn_if_others_can_read(&folder.join(FILE));
        }
        Self::peek()
    }

    /// The same, without a word to anybody.
    pub(crate) fn peek() -> Result<Self, Failure> {
        // Where there is no place for them, there are none.
        folder().map_or_else(|| Ok(Self::default()), |folder| Self::read_in(&folder))
    }

    /// Changes what is kept: all of it or nothing, whoever else does the same at this moment.
    pub(crate) fn change<T>(change: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        let folder = folder().ok_or_else(|| {
            Failure::failed("there is no folder for settings: neither HOME nor XDG_CONFIG_HOME is set")
        })?;
        let unwritable =
            |error: io::Error| Failure::failed(format_args!("cannot write in {}: {error}", folder.display()));
        create(&folder).map_err(unwritable)?;
        let _lock = lock(&folder)?;
        let mut contexts = Self::read_in(&folder)?;
        let result = change(&mut contexts)?;
        contexts.write_in(&folder).map_err(unwritable)?;
        Ok(result)
    }

    pub(crate) fn put(&mut self, name: ContextName, context: Context) {
        self.contexts.insert(name, context);
    }

    /// Has this one meant from now on, or none.
    pub(crate) fn select(&mut self, name: Option<&ContextName>) -> Result<(), Failure> {
        self.in_use = name.map(|name| self.get(name).map(|_| name.clone())).transpose()?;
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &ContextName) -> Result<(), Failure> {
        self.get(name)?;
        self.contexts.remove(name);
        if self.in_use.as_ref() == Some(name) {
            self.in_use = None;
        }
        Ok(())
    }

    pub(crate) fn get(&self, name: &ContextName) -> Result<&Context, Failure> {
        self.contexts.get(name).ok_or_else(|| {
            Failure::absent(format_args!(
                "no context named {name} (`iothub context list` shows which there are)"
            ))
        })
    }

    pub(crate) fn has(&self, name: &ContextName) -> bool {
        self.contexts.contains_key(name)
    }

    pub(crate) const fn in_use(&self) -> Option<&ContextName> {
        self.in_use.as_ref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ContextName, &Context)> {
        self.contexts.iter()
    }

    fn read_in(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        let unreadable = |error: &dyn fmt::Display| {
            Failure::failed(format_args!(
                "cannot read {}: {error} (repair it, or remove it and add contexts anew)",
                path.display()
            ))
        };
        let bytes = match File::open(&path).and_then(limited) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unreadable(&error)),
        };
        serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))
    }

    /// A file beside it takes its place when it is whole. It is for its owner only from the first byte on.
    fn write_in(&self, folder: &Path) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(folder.join(FILE)).map(|_| ()).map_err(|error| error.error)
    }
}

impl ContextName {
    /// Reads an argument.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let is_good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if (1..=NAME_LEN_MAX).contains(&text.len()) && text.bytes().all(is_good) {
            return Ok(Self(text.into()));
        }
        Err("a context is named by 1 to 64 letters, digits and - . _")
    }
}

impl TryFrom<String> for ContextName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text)
    }
}

impl fmt::Display for ContextName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where settings of this program lie.
fn folder() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|strategy| strategy.config_dir().join("iothub"))
}

fn create(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Taken by whoever changes something, and free again when that ends, however it ends.
fn lock(folder: &Path) -> Result<File, Failure> {
    let path = folder.join(LOCK);
    let unlockable =
        |error: &dyn fmt::Display| Failure::failed(format_args!("cannot lock {}: {error}", path.display()));
    let file = File::options().create(true).append(true).open(&path).map_err(|error| unlockable(&error))?;
    // Another one has it for the time of a small write only.
    file.lock().map_err(|error| unlockable(&error))?;
    Ok(file)
}

fn limited(file: File) -> io::Result<Vec<u8>> {
    use io::Read;

    let mut bytes = Vec::new();
    if file.take(LEN_MAX + 1).read_to_end(&mut bytes)? as u64 > LEN_MAX {
        return Err(io::Error::other(format!("longer than {LEN_MAX} bytes")));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn warn_if_others_can_read(path: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        let path = path.display();
        remark(&format!("{path} has keys in it and is open to others (`chmod 600 {path}` closes it)"));
    }
}

#[cfg(not(unix))]
fn warn_if_others_can_read(_: &Path) {}

const FILE: &str = "contexts.json";
const LOCK: &str = "contexts.lock";
const NAME_LEN_MAX: usize = 64;
/// Thousands of contexts.
const LEN_MAX: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_what_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let name = ContextName::parse("prod").unwrap();
        let mut contexts = Contexts::read_in(folder.path()).ok().unwrap();
        assert!(contexts.select(Some(&name)).is_err());
        contexts.put(name.clone(), Context { connection_string: "HostName=h".into(), ca_file: None });
        contexts.select(Some(&name)).unwrap();
        contexts.write_in(folder.path()).unwrap();
        let mut read = Contexts::read_in(folder.path()).ok().unwrap();
        assert_eq!(read.in_use(), Some(&name));
        assert_eq!(read.get(&name).ok().unwrap().connection_string, "HostName=h");
        read.remove(&name).unwrap();
        assert_eq!((read.in_use(), read.iter().count()), (None, 0));
        for bad in
            ["", "{", "[]", r#"{"contexts":{"a b":{"connectionString":"x"}}}"#, r#"{"contexts":{"a":{}}}"#]
        {
            std::fs::write(folder.path().join(FILE), bad).unwrap();
            assert!(Contexts::read_in(folder.path()).is_err(), "{bad}");
        }
        std::fs::write(folder.path().join(FILE), vec![b' '; 1024 * 1024 + 1]).unwrap();
        assert!(Contexts::read_in(folder.path()).is_err());
    }

    #[test]
    fn a_name_is_a_word() {
        let long = "x".repeat(65);
        for (text, good) in
            [("prod-1.eu_west", true), ("", false), ("a b", false), ("ä", false), ("a/b", false)]
                .into_iter()
                .chain([(&*long, false), (&long[1..], true)])
        {
            assert_eq!(ContextName::parse(text).is_ok(), good, "{text}");
        }
    }
}
