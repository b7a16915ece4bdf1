mod reason;
mod status;

use iothub_codec::Status;
use iothub_model::ErrorCode;
use iothub_server::Rule;
use serde_json::{Value, json};

use crate::commands::explain::reason::Reason;
use crate::failure::Failure;
use crate::output::Output;
use crate::table;

/// Say what an error code means and what to do about it
///
/// Knows the codes of the service API by number and name (404103, DeviceNotOnline), all of one HTTP status
/// (404), the statuses of the previews (0501, Throttled), the reason codes of MQTT 5 (0x87, 135), the return
/// codes of CONNACK in MQTT 3.1.1 (5), and the rules that the hub's log names (wrong-key). Without a code it lists all. It needs no hub.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  iothub explain 404103
  iothub explain DeviceNotOnline
  iothub explain 0501                           a status of the previews
  iothub explain 0x87                           a reason code of MQTT 5
  iothub explain wrong-key                      a rule, as a hub logs it
  iothub explain -o json | jq -r .name"#)]
pub(crate) struct Arguments {
    /// A code or a name, as in an error message or a log
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

/// Something that can be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Code(ErrorCode),
    Status(Status),
    Reason(Reason),
    Rule(Rule),
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let Some(text) = &arguments.code else { return list(&Subject::all(), output) };
    match &*Subject::find(text.trim()) {
        [] => Err(Failure::absent(format_args!(
            "no code {text:?} is known (`iothub explain` lists all; a tracking id is found in the hub's log)"
        ))),
        [only] => output.show(&only.json(), || only.page()),
        several => list(several, output),
    }
}

fn list(subjects: &[Subject], output: &mut Output) -> Result<(), Failure> {
    let documents: Vec<Value> = subjects.iter().map(|subject| subject.json()).collect();
    let rows = subjects.iter().map(|each| [each.code(), each.name().to_owned(), each.meaning().to_owned()]);
    output.each(&documents, || table::rows(["CODE", "NAME", "MEANING"], rows))
}

impl Subject {
    fn all() -> Vec<Self> {
        let codes = ErrorCode::ALL.iter().copied().map(Self::Code);
        let statuses = Status::ALL.iter().copied().map(Self::Status);
        let reasons = Reason::all().map(Self::Reason);
        let rules = Rule::ALL.iter().copied().map(Self::Rule);
        codes.chain(statuses).chain(reasons).chain(rules).collect()
    }

    /// What the text can stand for. The forms do not overlap, but names may be shared.
    fn find(text: &str) -> Vec<Self> {
        if let Some(status) = undefined(text) {
            return vec![Self::Status(status)];
        }
        if let Some(http) = text.parse::<u16>().ok().filter(|_| text.len() == 3) {
            let of_http = |code: &&ErrorCode| code.http_status() == http;
            let codes: Vec<Self> = ErrorCode::ALL.iter().filter(of_http).copied().map(Self::Code).collect();
            if !codes.is_empty() {
                return codes;
            }
        }
        Self::all().into_iter().filter(|subject| subject.answers_to(text)).collect()
    }

    fn answers_to(self, text: &str) -> bool {
        let wanted = plain(text);
        let by_number = match self {
            Self::Reason(reason) => reason.has_number(text),
            Self::Code(_) | Self::Status(_) => text.eq_ignore_ascii_case(&self.code()),
            // Some differ from the name of a code in case alone.
            Self::Rule(rule) => return text == rule.name(),
        };
        by_number || (!wanted.is_empty() && plain(self.name()) == wanted)
    }

    fn code(self) -> String {
        match self {
            Self::Code(code) => code.number().to_string(),
            Self::Status(status) => format!("{:04X}", status.code()),
            Self::Reason(reason) => reason.to_string(),
            Self::Rule(_) => "rule".to_owned(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Code(code) => code.name(),
            Self::Status(status) => match status.name() {
                Some(name) => name,
                None => "undefined status",
            },
            Self::Reason(reason) => reason.name(),
            Self::Rule(rule) => rule.name(),
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Code(code) => code.meaning(),
            Self::Status(status) => status::meaning(status),
            Self::Reason(reason) => reason.meaning(),
            Self::Rule(rule) => rule.meaning(),
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Code(code) => code.advice(),
            Self::Status(status) => status::advice(status),
            Self::Reason(reason) => reason.advice(),
            Self::Rule(rule) => rule.advice(),
        }
    }

    /// Where it is met.
    fn place(self) -> String {
        match self {
            Self::Code(code) => format!("service API, HTTP status {}", code.http_status()),
            Self::Status(status) => format!(
                "previews ($az/iot and MQTT 5); MQTT 5 reason 0x{:02X}, HTTP status {}",
                status.reason_code(),
                status.http()
            ),
            Self::Reason(reason) => reason.place().to_owned(),
            Self::Rule(_) => "the hub's log, and `iothub device show ID --diagnose`".to_owned(),
        }
    }

    fn json(self) -> Value {
        let mut json = json!({
            "code": self.code(),
            "name": self.name(),
            "place": self.place(),
            "meaning": self.meaning(),
            "advice": self.advice(),
        });
        if let Self::Status(status) = self {
            json["retryable"] = status.is_retryable().into();
        }
        json
    }

    fn page(self) -> String {
        let again = match self {
            Self::Status(status) if !status.is_success() => {
                if status.is_retryable() {
                    "the same can succeed later"
                } else {
                    "the same will fail again"
                }
            }
            Self::Status(_) | Self::Code(_) | Self::Reason(_) | Self::Rule(_) => "",
        };
        table::record([
            ("code", self.code()),
            ("name", self.name().into()),
            ("where", self.place()),
            ("meaning", self.meaning().into()),
            ("to do", self.advice().into()),
            ("again", again.into()),
        ])
    }
}

/// A status of four hex digits that is not among the defined ones; its bits tell something nevertheless.
fn undefined(text: &str) -> Option<Status> {
    let is_status = text.len() == 4 && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_hexdigit());
    let status = Status::from_code(u16::from_str_radix(text, 16).ok().filter(|_| is_status)?);
    Some(status).filter(|status| status.name().is_none())
}

/// A name without what different tables write differently: case and blanks.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_by_number_and_by_name() {
        for (text, codes) in [
            ("404103", &["404103"][..]),
            ("DeviceNotOnline", &["404103"]),
            ("devicenotonline", &["404103"]),
            ("0501", &["0501"]),
            ("06a1", &["06A1"]),
            ("target timeout", &["06A1"]),
            ("0x87", &["0x87"]),
            ("0X8e", &["0x8E"]),
            ("135", &["0x87"]),
            ("5", &["5"]),
            // Both tables have that name.
            ("Quota Exceeded", &["0502", "0x97"]),
            ("wrong-key", &["rule"]),
            ("Throttled", &["0501"]),
            ("throttled", &["0501", "rule"]),
            ("412", &["412000", "412001", "412002", "412003", "412004"]),
            ("0199", &["0199"]),
            ("404104 ", &["404104"]),
            ("", &[]),
            ("-", &[]),
            ("999999", &[]),
            ("0x00", &[]),
            ("299", &[]),
            ("404103x", &[]),
        ] {
            let found: Vec<String> = Subject::find(text.trim()).into_iter().map(Subject::code).collect();
            assert_eq!(found, codes, "{text:?}");
        }
    }

    #[test]
    fn everything_that_is_listed_is_found_by_its_code_and_explained() {
        for subject in Subject::all() {
            match subject {
                Subject::Rule(rule) => assert!(Subject::find(rule.name()).contains(&subject)),
                Subject::Code(_) | Subject::Status(_) | Subject::Reason(_) => {
                    assert_eq!(Subject::find(&subject.code()), [subject]);
                }
            }
            for sentence in [subject.meaning(), subject.advice()] {
                assert!(sentence.ends_with('.') && !sentence.contains("  "), "{subject:?}: {sentence}");
            }
        }
    }
}
