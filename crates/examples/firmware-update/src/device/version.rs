use serde::Deserialize;

/// The name of a version, known to be good for the name of a file: a back end may say anything.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Version(String);

impl Version {
    const LEN_MAX: usize = 64;

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Version {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
        if text.is_empty()
            || text.len() > Self::LEN_MAX
            || text.starts_with('.')
            || !text.bytes().all(is_good)
        {
            return Err("a version is 1 to 64 letters, digits, `-` and `.`, and begins with no dot");
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_name_of_a_file_in_one_directory() {
        for (text, is_good) in [
            ("2.0.0-rc1", true),
            ("7", true),
            ("", false),
            ("..", false),
            (".hidden", false),
            ("../2", false),
            ("a/b", false),
            ("a\\b", false),
            ("ä", false),
        ] {
            assert_eq!(Version::try_from(text.to_owned()).is_ok(), is_good, "{text}");
        }
        assert!(Version::try_from("1".repeat(65)).is_err());
    }
}
