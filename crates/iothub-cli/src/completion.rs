use core::time::Duration;
use std::ffi::OsStr;

use clap::{Args, CommandFactory, FromArgMatches};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use iothub_service::{Error, Service};

use crate::args::Cli;
use crate::commands;
use crate::contexts::Contexts;
use crate::hub::Hub;
use crate::login::HubArguments;

/// Answers a shell that wants to know how a line could go on, if it is one that asks; then this does not return.
pub(crate) fn answer() {
    CompleteEnv::with_factory(Cli::command).var(VARIABLE).bin(PROGRAM).completer(PROGRAM).complete();
}

/// What a shell reads once so that it asks from then on.
pub(crate) fn script(shell: &str) -> std::io::Result<Vec<u8>> {
    let shells = Shells::builtins();
    let shell = shells.completer(shell).ok_or(std::io::ErrorKind::Unsupported)?;
    let mut text = Vec::new();
    shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut text)?;
    Ok(text)
}

/// For an argument whose values somebody has to be asked for.
pub(crate) fn completer(complete: fn(&OsStr) -> Vec<CompletionCandidate>) -> ArgValueCompleter {
    ArgValueCompleter::new(complete)
}

/// The names of contexts that begin so.
pub(crate) fn contexts(begin: &OsStr) -> Vec<CompletionCandidate> {
    let Ok(contexts) = Contexts::peek() else { return Vec::new() };
    candidates(begin, contexts.iter().map(|(name, _)| name.to_string()))
}

/// The names of devices that begin so, of the hub that the line means. Nothing if it does not answer at once.
pub(crate) fn devices(begin: &OsStr) -> Vec<CompletionCandidate> {
    let prefix = begin.to_str().unwrap_or_default().to_owned();
    let found = ask(async move |service| {
        let ask = async |query: &str| service.query(query, Some(CANDIDATES_MAX), None).await;
        // Not every hub knows functions of text in queries about twins: one that does not gives those it has first.
        let page = match ask(&device_query(&prefix)).await {
            Err(Error::Refused { status: 400, .. }) => ask(&device_query("")).await,
            page => page,
        };
        let page = page.ok()?;
        Some(page.rows.iter().filter_map(|row| row["deviceId"].as_str().map(str::to_owned)).collect())
    });
    candidates(begin, found)
}

/// The names of jobs that begin so, in the same way.
pub(crate) fn jobs(begin: &OsStr) -> Vec<CompletionCandidate> {
    let found = ask(async move |service| {
        let page = service.jobs(None, None).rows_max(CANDIDATES_MAX).next().await.ok()??;
        Some(page.rows.into_iter().map(|job| job.job_id).collect())
    });
    candidates(begin, found)
}

/// The names of configurations that begin so, in the same way.
pub(crate) fn configurations(begin: &OsStr) -> Vec<CompletionCandidate> {
    let found = ask(async move |service| {
        let listed = service.list_configurations(CONFIGURATIONS_MAX).await.ok()?;
        Some(listed.into_iter().map(|configuration| configuration.id).collect())
    });
    candidates(begin, found)
}

/// Few rows where there may be a million.
fn device_query(prefix: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':');
    let condition = match prefix.bytes().all(is_plain) && !prefix.is_empty() {
        true => format!(" WHERE STARTS_WITH(deviceId, '{prefix}')"),
        false => String::new(),
    };
    format!("SELECT TOP {CANDIDATES_MAX} deviceId FROM devices{condition}")
}

/// What a hub has to say, if it says it soon. A shell waits for this, and the person before it.
fn ask(question: impl AsyncFnOnce(Service) -> Option<Vec<String>>) -> Vec<String> {
    let words: Vec<String> = std::env::args().collect();
    let answer = || {
        let login = hub_of(&words).login_quietly().ok()?;
        let hub = Hub::with(login).ok()?;
        commands::one_thread()
            .ok()?
            .block_on(async { tokio::time::timeout(PATIENCE, question(hub.service)).await.ok()? })
    };
    answer().unwrap_or_default()
}

/// What an unfinished line says of which hub is meant: the options for that, wherever they stand.
fn hub_of(words: &[String]) -> HubArguments {
    let command = HubArguments::augment_args(clap::Command::new(PROGRAM));
    let is_for_hub = |word: &str| {
        command.get_arguments().any(|option| {
            word.strip_prefix("--").is_some_and(|name| option.get_long() == Some(name))
                || word.strip_prefix('-').is_some_and(|name| {
                    let mut letters = name.chars();
                    option.get_short() == letters.next()
                        && option.get_short().is_some()
                        && letters.next().is_none()
                })
        })
    };
    let mut kept = vec![PROGRAM.to_owned()];
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((&**word, None), |(name, value)| (name, Some(value)));
        if is_for_hub(name)
            && let Some(value) = value.or_else(|| words.next().map(|next| &**next))
        {
            kept.extend([name.to_owned(), value.to_owned()]);
        }
    }
    let matches = command.try_get_matches_from(kept).ok();
    matches.and_then(|matches| HubArguments::from_arg_matches(&matches).ok()).unwrap_or_default()
}

fn candidates(begin: &OsStr, all: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    let begin = begin.to_str().unwrap_or_default();
    all.into_iter().filter(|each| each.starts_with(begin)).map(CompletionCandidate::new).collect()
}

const PROGRAM: &str = "iothub";
/// By which a shell asks. Not the usual `COMPLETE`, which others may have set for themselves.
const VARIABLE: &str = "IOTHUB_COMPLETE";
/// More than anybody reads.
const CANDIDATES_MAX: u32 = 100;
/// All that a hub of an edition can have.
const CONFIGURATIONS_MAX: u16 = 100;
/// A person who waits longer for a word has typed it.
const PATIENCE: Duration = Duration::from_millis(700);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_end_a_string_is_put_into_a_query() {
        for (prefix, query) in [
            ("pump-", "SELECT TOP 100 deviceId FROM devices WHERE STARTS_WITH(deviceId, 'pump-')"),
            ("", "SELECT TOP 100 deviceId FROM devices"),
            ("a'", "SELECT TOP 100 deviceId FROM devices"),
            ("a\\", "SELECT TOP 100 deviceId FROM devices"),
        ] {
            assert_eq!(device_query(prefix), query, "{prefix}");
        }
    }

    #[test]
    fn the_hub_is_found_in_a_line_that_is_not_finished() {
        for (line, same) in [
            ("iothub -- iothub device show --context lab pu", "iothub --context lab"),
            ("iothub -- iothub device --context=lab show", "iothub --context lab"),
            ("iothub -- iothub -n b.test device show --unknown x", "iothub -n b.test"),
            ("iothub -- iothub device show --context", "iothub"),
            ("iothub -- iothub device show -d", "iothub"),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let command = HubArguments::augment_args(clap::Command::new(PROGRAM));
            let expected = command.try_get_matches_from(same.split(' ')).unwrap();
            let expected = HubArguments::from_arg_matches(&expected).unwrap();
            assert_eq!(hub_of(&words), expected, "{line}");
        }
    }

    #[test]
    fn there_is_a_script_for_each_shell() {
        for shell in ["bash", "zsh", "fish", "powershell"] {
            let text = String::from_utf8(script(shell).unwrap()).unwrap();
            assert!(text.contains(VARIABLE), "{shell}: {text}");
        }
    }
}
