use clap::ValueEnum;

use crate::failure::Failure;

/// A shell that variables are set in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// bash, zsh, dash and every other that descends from sh
    #[value(alias = "sh", alias = "zsh", alias = "posix")]
    Bash,
    /// fish
    Fish,
    /// PowerShell
    #[value(alias = "pwsh")]
    Powershell,
    /// The command prompt of Windows
    Cmd,
}

impl Shell {
    /// The shell of whoever calls, as far as that can be told.
    pub(crate) fn guess() -> Self {
        Self::from_path(std::env::var("SHELL").ok().as_deref())
    }

    fn from_path(path: Option<&str>) -> Self {
        match path.and_then(|path| path.rsplit('/').next()) {
            Some("fish") => Self::Fish,
            Some("pwsh") => Self::Powershell,
            Some(_) => Self::Bash,
            None if cfg!(windows) => Self::Powershell,
            None => Self::Bash,
        }
    }

    /// A line that sets a variable for everything that the shell starts from then on.
    ///
    /// # Errors
    ///
    /// The command prompt has no way to write a line break, or a percent sign that always stays one.
    pub(crate) fn export(self, name: &str, value: &str) -> Result<String, Failure> {
        Ok(match self {
            Self::Bash => format!("export {name}='{}'", value.replace('\'', r"'\''")),
            Self::Fish => {
                format!("set -gx {name} '{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
            }
            Self::Powershell => format!("$env:{name} = '{}'", doubled(value)),
            Self::Cmd if value.contains(['\n', '\r', '%', '"']) => {
                return Err(Failure::failed(format_args!(
                    "{name} has a character in it that the command prompt cannot set (use --shell powershell)"
                )));
            }
            Self::Cmd => format!("set \"{name}={value}\""),
        })
    }

    /// What to type so that the variables are set.
    pub(crate) const fn usage(self) -> &'static str {
        match self {
            Self::Bash => r#"eval "$(iothub env)""#,
            Self::Fish => "iothub env --shell fish | source",
            Self::Powershell => "iothub env --shell powershell | Out-String | Invoke-Expression",
            Self::Cmd => r#"for /f "delims=" %i in ('iothub env --shell cmd') do @%i"#,
        }
    }
}

/// PowerShell takes typographic single quotes for plain ones.
fn doubled(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        text.push(c);
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_quoted_for_its_shell() {
        for (shell, value, line) in [
            (Shell::Bash, "HostName=h;Key=a+/=", "export N='HostName=h;Key=a+/='"),
            (Shell::Bash, "it's $HOME `x` \\ \"", r#"export N='it'\''s $HOME `x` \ "'"#),
            (Shell::Bash, "", "export N=''"),
            (Shell::Fish, r"it's \ $HOME (x)", r"set -gx N 'it\'s \\ $HOME (x)'"),
            (Shell::Powershell, "it's $env:X `n \u{2019}", "$env:N = 'it''s $env:X `n \u{2019}\u{2019}'"),
            (Shell::Cmd, r"C:\a b\ca.pem & del ^", "set \"N=C:\\a b\\ca.pem & del ^\""),
        ] {
            assert_eq!(shell.export("N", value).unwrap(), line);
        }
        for value in ["a\nb", "%PATH%", "a\"b"] {
            assert!(Shell::Cmd.export("N", value).is_err(), "{value}");
        }
    }

    #[test]
    fn what_sh_makes_of_an_export_is_the_value() {
        for value in
            ["plain", "it's", "'", "''", "$(exit 3)", "a\nb", "\\'", "\"$HOME\" `id` \\", "%s*?[]~#!"]
        {
            let export = Shell::Bash.export("N", value).unwrap();
            let script = r#"eval "$(printf '%s\n' "$1")"; printf %s "$N""#;
            let output = std::process::Command::new("sh").args(["-c", script, "sh", &export]).output();
            assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap(), value);
        }
    }

    #[test]
    fn the_shell_is_told_by_its_path() {
        for (path, shell) in [
            (Some("/usr/bin/fish"), Shell::Fish),
            (Some("/bin/zsh"), Shell::Bash),
            (Some("pwsh"), Shell::Powershell),
            (Some("/bin/bash"), Shell::Bash),
        ] {
            assert_eq!(Shell::from_path(path), shell, "{path:?}");
        }
    }
}
