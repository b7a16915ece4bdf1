use std::process::Command;

use crate::hub::Hub;
use crate::place::Place;

#[test]
fn bash_completes_commands_options_and_devices_of_the_hub_that_is_meant() {
    let hub = Hub::start_in(Place::new(), &["--no-device"]);
    for id in ["pump-1", "pump-2", "valve-1"] {
        hub.line(&format!("device create {id}")).json();
    }
    hub.line(&format!(
        "context add here --login {} --ca {}",
        hub.text("serviceConnectionString"),
        hub.text("caFile")
    ))
    .json();
    for (line, words) in [
        ("iothub dev", "device"),
        ("iothub device sh", "show"),
        ("iothub device show --show", "--show-keys"),
        ("iothub device show pu", "pump-1 pump-2"),
        ("iothub device show -d va", "valve-1"),
        ("iothub device show ''", "pump-1 pump-2 valve-1"),
        ("iothub twin update --context here val", "valve-1"),
        ("iothub method invoke pump-", "pump-1 pump-2"),
        ("iothub monitor --device va", "valve-1"),
        ("iothub context use ''", "here"),
        ("iothub device show --context h", "here"),
        ("iothub device list --output c", "csv"),
    ] {
        let found = completed(&hub, line);
        let options_aside = found.iter().filter(|word| !word.starts_with('-') || words.starts_with('-'));
        let wanted: Vec<&str> = words.split(' ').collect();
        assert_eq!(options_aside.collect::<Vec<_>>(), wanted, "{line}");
    }
}

#[test]
fn what_cannot_be_asked_is_silence() {
    let place = Place::new();
    let nowhere =
        "--login HostName=127.0.0.1:1;SharedAccessKeyName=o;SharedAccessKey=c2VjcmV0c2VjcmV0c2VjcmV0";
    for line in ["iothub device show pu", "iothub device show --context none pu"]
        .map(str::to_owned)
        .into_iter()
        .chain([
            format!("iothub device show '{nowhere}' pu"),
            "iothub device show --login nonsense pu".into(),
        ])
    {
        assert_eq!(completed(&place, &line), [""; 0], "{line}");
    }
}

#[test]
fn each_shell_gets_a_script_of_its_own_and_says_so_itself_where_it_is_installed() {
    let place = Place::new();
    for (shell, part, check) in [
        ("bash", "complete -o nospace", &["bash", "-n"][..]),
        ("zsh", "#compdef iothub", &["zsh", "-n"]),
        ("fish", "complete --keep-order", &["fish", "--no-execute"]),
        ("powershell", "Register-ArgumentCompleter", &[]),
    ] {
        let text = place.run(&["completion", shell]).ok();
        assert!(text.contains(part) && text.contains("IOTHUB_COMPLETE"), "{shell}: {text}");
        let file = place.file(shell, text.as_bytes());
        let Some((program, arguments)) = check.split_first() else { continue };
        match Command::new(program).args(arguments).arg(&file).output() {
            Ok(output) => {
                assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr))
            }
            Err(error) => println!("not checked by {shell} itself: {error}"),
        }
    }
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let place = Place::new();
    let folder = place.path("man");
    assert_eq!(place.run(&["manual", &folder]).ok(), "");
    for (page, parts) in [
        ("iothub.1", &[".TH", "iothub\\-device(1)", "Exit status:", "in conflict"][..]),
        ("iothub-device-create.1", &["\\-\\-edge\\-enabled", "iothub device create pump\\-7"]),
        ("iothub-context-add.1", &["\\-\\-replace"]),
    ] {
        let text = std::fs::read_to_string(format!("{folder}/{page}"))
            .unwrap_or_else(|error| panic!("{page}: {error}"));
        parts.iter().for_each(|part| assert!(text.contains(part), "{page} lacks {part}:\n{text}"));
    }
    assert!(std::fs::read_dir(&folder).unwrap().count() > 40);
}

/// What bash offers for the last word of a line, in which quotes say where a word has nothing or blanks in it.
fn completed(place: &Place, line: &str) -> Vec<String> {
    let script = format!(
        r#"source <(iothub completion bash)
        COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_TYPE=9
        _clap_complete_iothub iothub "${{COMP_WORDS[COMP_CWORD]}}"
        printf '%s\n' "${{COMPREPLY[@]}}""#
    );
    let end = place.shell_named("bash", &script);
    assert_eq!((end.code, &*end.err), (Some(0), ""), "{line}");
    end.out.lines().map(|word| word.trim_end().to_owned()).filter(|word| !word.is_empty()).collect()
}
