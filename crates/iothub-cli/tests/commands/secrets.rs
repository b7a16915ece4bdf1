use rustix::process::Signal;

use crate::hub::Hub;
use crate::place::Place;
use crate::program::Program;

#[test]
fn no_error_shows_a_key_or_a_signature() {
    let secrets = Secrets::new();
    let place = Place::new();
    let key = KEY;
    let login = format!("HostName=127.0.0.1:1;SharedAccessKeyName=iothubowner;SharedAccessKey={key}");
    let device = format!("HostName=127.0.0.1:1;DeviceId=dev1;SharedAccessKey={key}");
    let twice = format!("{login};SharedAccessKey={key}");
    let unknown = format!("{login};Unknown=x;{key}");
    let token = format!("HostName=127.0.0.1:1;SharedAccessSignature={TOKEN}");
    let broken = format!("HostName=127.0.0.1:1;SharedAccessSignature={TOKEN}&se=x");
    let logins = [&*login, &device, &twice, &unknown, &token, &broken, key, TOKEN];
    for login in logins {
        for line in [
            "device list --login",
            "device list --verbose --login",
            "device create pump-7 --login",
            "device simulate dev1 --verbose --login",
            "monitor --verbose --login",
            "sas --policy other --login",
            "sas --device dev1 --login",
            // Options misspelled, forgotten or given to the wrong command.
            "device list --logn",
            "device list",
            "device list --ca nowhere --login",
            "device create pump-7 --primary-key x --secondary-key",
            "device create pump-7 --primary-key",
            "device create",
            "device show",
            "device delete pump-7 --if-match",
            "device update dev1 --status",
            "device simulate dev1 --method",
            "module create dev1",
            "module create dev1 camera",
            "method invoke dev1 reboot",
            "method invoke dev1 reboot 1",
            "twin update dev1 --desired",
            "sas --duration",
            "env --shell",
            "up --mqtt-port 0 --https-port 0 --bind",
            "up --mqtt-port 0 --https-port 0 --hostname",
            "-o",
            "",
        ] {
            let words = line.split(' ').filter(|word| !word.is_empty()).chain([login]);
            secrets.absent(place.start(&words.collect::<Vec<_>>()));
        }
        let mut command = place.command(&["device", "list", "--verbose"]);
        command.env("IOTHUB_CONNECTION_STRING", login);
        secrets.absent(Program::start(command, b""));
    }
}

#[test]
fn no_refusal_and_no_log_of_the_hub_shows_a_key_or_a_signature() {
    for format in ["text", "json"] {
        let mut secrets = Secrets::new();
        let hub = Hub::start_in(Place::new(), &["--log", "trace", "--log-format", format]);
        for name in ["serviceConnectionString", "deviceConnectionString"] {
            secrets.add(hub.text(name).split_once(";SharedAccessKey=").unwrap().1);
        }
        let create = ["device", "create", "pump-7", "--primary-key", KEY, "--secondary-key", KEY];
        secrets.absent(hub.start(&create));
        secrets.absent(hub.start(&create));
        let module = hub.line("module create pump-7 camera --show-keys").json();
        secrets.add(module["authentication"]["symmetricKey"]["primaryKey"].as_str().unwrap());
        let token = hub.line("sas").ok();
        secrets.add(token.split_once("sig=").unwrap().1.split('&').next().unwrap());

        let host = hub.text("serviceConnectionString").split(';').next().unwrap();
        let wrong_key = format!("{host};SharedAccessKeyName=iothubowner;SharedAccessKey={KEY}");
        let wrong_policy = format!("{host};SharedAccessKeyName=nobody;SharedAccessKey={KEY}");
        let wrong_token = format!("{host};SharedAccessSignature={TOKEN}");
        let good_token = format!("{host};SharedAccessSignature={}", token.trim_end());
        let ca = hub.text("caFile");
        for login in [&*wrong_key, &wrong_policy, &wrong_token, &good_token] {
            for line in ["device list", "device show nobody", "device create dev1", "monitor --timeout 1ms"] {
                let words: Vec<_> =
                    line.split(' ').chain(["--verbose", "--login", login, "--ca", ca]).collect();
                secrets.absent(hub.start(&words));
            }
        }
        for line in [
            "device update dev1 --status disabled",
            "device simulate dev1 --verbose",
            "device simulate pump-7 --count 2 --interval 1ms",
            "device simulate pump-7 --module-id camera --count 1",
            "method invoke pump-7 reboot --verbose",
            "twin show pump-7",
            "device list",
            "module list pump-7 -o table",
            "device delete pump-7",
        ] {
            secrets.absent(hub.start(&line.split(' ').collect::<Vec<_>>()));
        }
        let (end, _) = hub.stop(Signal::TERM);
        assert_eq!(end.code, Some(0));
        assert!(end.err.contains("refused"), "the log does not say what was refused:\n{}", end.err);
        secrets.assert_absent("the hub's log", &end.err);
    }
}

#[test]
fn the_record_of_a_hub_that_dies_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let data = place.path("data");
    let hub = Hub::start_in(place, &["--data", &data]);
    let (_, place) = hub.stop(Signal::KILL);
    for folder in [data, place.path("run/iothub")] {
        let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{folder} can be entered by others: {mode:o}");
    }
}

/// What must not be shown.
struct Secrets(Vec<String>);

impl Secrets {
    fn new() -> Self {
        let mut secrets = Self(Vec::new());
        secrets.add(KEY);
        secrets.add(TOKEN.split_once("sig=").unwrap().1.split('&').next().unwrap());
        secrets
    }

    /// A key or signature, in the spellings that a program might give it.
    fn add(&mut self, secret: &str) {
        let bare = secret.trim_end_matches("%3D").trim_end_matches('=');
        assert!(bare.len() >= 20, "too short to be told from other text");
        let plain = bare.replace("%2B", "+").replace("%2F", "/");
        let quoted = plain.replace('+', "%2B").replace('/', "%2F");
        self.0.extend([plain.replace('+', "%2b").replace('/', "%2f"), quoted, plain]);
    }

    /// Runs a program to its end: whatever it says, these are not in it.
    fn absent(&self, program: Program) {
        let end = program.end();
        self.assert_absent(&end.call, &(end.out + &end.err));
    }

    fn assert_absent(&self, call: &str, text: &str) {
        for secret in &self.0 {
            assert!(!text.contains(secret), "{call} shows a secret:\n{text}");
        }
    }
}

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const TOKEN: &str = "SharedAccessSignature sr=localhost&sig=tSqZCpJ0ILyQzgpd7n%2BOs8QMeigZamD5DsOzh1x%2FVk4%3D\
                     &se=1893456000&skn=iothubowner";
