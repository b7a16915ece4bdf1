use core::time::Duration;

use iothub_model::{Date, IfMatch, JobRequest, JobType, MethodInvocation, Patch, TwinPatch, TwinUpdate};

use crate::clock::date_in;
use crate::completion::{completer, devices};
use crate::content::{content, json, object};
use crate::duration::duration;
use crate::failure::Failure;
use crate::identity::DeviceName;

/// What is to be done, to which devices, and when.
#[derive(clap::Args)]
#[group(id = "request")]
pub(crate) struct RequestArguments {
    /// Call this method of each device
    #[arg(long, visible_aliases = ["method-name", "mn"], value_name = "METHOD", conflicts_with_all = ["twin", "tags", "desired"])]
    method: Option<String>,
    /// The argument of the method: JSON, @FILE, or - for standard input
    #[arg(long, visible_alias = "mp", value_name = "PAYLOAD", requires = "method")]
    method_payload: Option<String>,
    /// Seconds that each device may take to answer, 5 to 300 [default: 30]
    #[arg(long, visible_alias = "mrt", value_name = "SECONDS", requires = "method", value_parser = clap::value_parser!(i64).range(5..=300))]
    method_response_timeout: Option<i64>,
    /// Seconds to wait for each device to connect, 0 to 300 [default: 0]
    #[arg(long, visible_alias = "mct", value_name = "SECONDS", requires = "method", value_parser = clap::value_parser!(i64).range(0..=300))]
    method_connect_timeout: Option<i64>,
    /// Change each twin by this: {"tags": …, "properties": {"desired": …}}, @FILE, or -
    #[arg(long, visible_aliases = ["twin-patch", "patch"], value_name = "JSON", conflicts_with_all = ["tags", "desired"])]
    twin: Option<String>,
    /// Change desired properties of each twin: a JSON object, @FILE, or -
    #[arg(long, value_name = "JSON")]
    desired: Option<String>,
    /// Change tags of each twin, in the same way
    #[arg(long, value_name = "JSON")]
    tags: Option<String>,
    /// What is done, for those who say it: it follows from the other options
    #[arg(long, visible_alias = "jt", value_name = "TYPE")]
    job_type: Option<JobType>,
    /// Which devices: a condition in the language of queries, as behind WHERE; * is all
    #[arg(
        long,
        short = 'q',
        visible_alias = "query-condition",
        value_name = "CONDITION",
        required_unless_present = "device_id",
        conflicts_with = "device_id"
    )]
    condition: Option<String>,
    /// This device; may be repeated
    #[arg(long, short = 'd', value_name = "DEVICE", value_parser = DeviceName::parse, add = completer(devices))]
    device_id: Vec<DeviceName>,
    /// When it begins: a time such as 2030-01-01T00:00:00Z, or so long from now, as in 10m; else at once
    #[arg(long, visible_alias = "start-time", value_name = "TIME", value_parser = start)]
    start: Option<Date>,
    /// How long it may take from its start, in seconds or as in 2h; devices that are not connected are waited for as long
    #[arg(long, visible_alias = "ttl", value_name = "DURATION", value_parser = at_least_a_second, default_value = "1h")]
    max_execution_time: Duration,
}

impl RequestArguments {
    /// What is sent for a job of this name.
    pub(super) fn read(&self, job_id: &str) -> Result<JobRequest, Failure> {
        let method = self.method()?;
        let update = self.update()?;
        let kind = match (&method, &update) {
            (Some(_), _) => JobType::ScheduleDeviceMethod,
            (None, Some(_)) => JobType::ScheduleUpdateTwin,
            (None, None) => {
                return Err(Failure::misused(
                    "nothing to do: say --method NAME, or what to change by --desired, --tags or --twin",
                ));
            }
        };
        if let Some(said) = self.job_type.filter(|said| *said != kind) {
            return Err(Failure::misused(format_args!("--job-type {said}: the other options say {kind}")));
        }
        Ok(JobRequest {
            job_id: job_id.to_owned(),
            kind,
            cloud_to_device_method: method,
            update_twin: update.map(|patch| TwinUpdate { etag: IfMatch::Any, patch }),
            query_condition: Some(self.condition.clone().unwrap_or_else(|| named(&self.device_id))),
            start_time: self.start,
            device_ids: None,
            max_execution_time_in_seconds: Some(
                i64::try_from(self.max_execution_time.as_secs()).unwrap_or(i64::MAX),
            ),
        })
    }

    fn method(&self) -> Result<Option<MethodInvocation>, Failure> {
        let Some(name) = &self.method else {
            // clap does not insist on --method where another option forbids it.
            let timeouts = self.method_response_timeout.or(self.method_connect_timeout);
            if self.method_payload.is_some() || timeouts.is_some() {
                return Err(Failure::misused("--method-payload and timeouts are for --method"));
            }
            return Ok(None);
        };
        let payload =
            self.method_payload.as_deref().map(|text| json("--method-payload", text)).transpose()?;
        Ok(Some(MethodInvocation {
            payload,
            response_timeout_in_seconds: self.method_response_timeout,
            connect_timeout_in_seconds: self.method_connect_timeout,
            ..MethodInvocation::new(name)
        }))
    }

    fn update(&self) -> Result<Option<TwinPatch>, Failure> {
        let patch = match &self.twin {
            Some(text) => {
                let patch = serde_json::from_slice(&content("--twin", text)?);
                patch.map_err(|error| Failure::misused(format_args!("--twin: no twin: {error}")))?
            }
            None => TwinPatch {
                tags: object("--tags", self.tags.as_deref())?,
                desired: object("--desired", self.desired.as_deref())?,
            },
        };
        let is_given = |section: &Patch<_>| !section.is_absent();
        match is_given(&patch.tags) || is_given(&patch.desired) {
            true => Ok(Some(patch)),
            false if self.twin.is_some() => {
                Err(Failure::misused("--twin: neither tags nor properties.desired are in it"))
            }
            false => Ok(None),
        }
    }
}

/// A condition that holds for these.
fn named(devices: &[DeviceName]) -> String {
    let quoted =
        |device: &DeviceName| format!("'{}'", device.id().as_str().replace('\\', r"\\").replace('\'', r"\'"));
    format!("deviceId IN [{}]", devices.iter().map(quoted).collect::<Vec<_>>().join(","))
}

fn start(text: &str) -> Result<Date, &'static str> {
    match (text.parse(), duration(text)) {
        (Ok(date), _) => Ok(date),
        (Err(_), Ok(later)) => Ok(date_in(later)),
        (Err(_), Err(_)) => Err("write a time such as 2030-01-01T00:00:00Z, or so long from now, as in 10m"),
    }
}

fn at_least_a_second(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.as_secs() == 0 { Err("shorter than a second".into()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        request: RequestArguments,
    }

    fn read(words: &[&str]) -> Result<Value, String> {
        let line = Line::try_parse_from([&["x"], words].concat()).map_err(|error| error.to_string())?;
        let request = line.request.read("j").map_err(|failure| failure.to_string())?;
        Ok(serde_json::to_value(request).unwrap())
    }

    #[test]
    fn what_is_said_is_what_is_sent() {
        for (words, request) in [
            (
                &["--method", "reboot", "-q", "tags.site = 'a'", "--ttl", "10"][..],
                json!({"jobId": "j", "type": "scheduleDeviceMethod", "queryCondition": "tags.site = 'a'",
                       "cloudToDeviceMethod": {"methodName": "reboot"}, "maxExecutionTimeInSeconds": 10}),
            ),
            (
                &["--desired", r#"{"a":1}"#, "-d", "x", "-d", "it's", "--start", "2030-01-01T00:00:00Z"],
                json!({"jobId": "j", "type": "scheduleUpdateTwin", "queryCondition": r"deviceId IN ['x','it\'s']",
                       "updateTwin": {"etag": "*", "properties": {"desired": {"a": 1}}},
                       "startTime": "2030-01-01T00:00:00.0000000Z", "maxExecutionTimeInSeconds": 3600}),
            ),
            (
                &[
                    "--twin-patch",
                    r#"{"tags":{"a":null}}"#,
                    "--query-condition",
                    "*",
                    "--jt",
                    "scheduleUpdateTwin",
                ],
                json!({"jobId": "j", "type": "scheduleUpdateTwin", "queryCondition": "*",
                       "updateTwin": {"etag": "*", "tags": {"a": null}}, "maxExecutionTimeInSeconds": 3600}),
            ),
        ] {
            assert_eq!(read(words), Ok(request), "{words:?}");
        }
    }

    #[test]
    fn what_says_too_little_or_two_things_is_refused() {
        for words in [
            &["-q", "*"][..],
            &["--method", "reboot"],
            &["--method", "reboot", "--tags", "{}", "-q", "*"],
            &["--method-payload", "1", "--tags", "{}", "-q", "*"],
            &["--twin", "{}", "-q", "*"],
            &["--twin", "[", "-q", "*"],
            &["--tags", "1", "-q", "*"],
            &["--tags", "{}", "-q", "*", "--jt", "scheduleDeviceMethod"],
            &["--tags", "{}", "-q", "*", "-d", "x"],
            &["--tags", "{}", "-q", "*", "--start", "soon"],
            &["--tags", "{}", "-q", "*", "--ttl", "0"],
        ] {
            assert!(read(words).is_err(), "{words:?}");
        }
    }
}
