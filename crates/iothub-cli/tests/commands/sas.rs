use crate::hub::Hub;
use crate::place::Place;

#[test]
fn a_token_of_a_policy_is_accepted_by_the_hub() {
    let hub = Hub::start();
    let token = hub.line("sas --duration 10m").ok();
    let token = token.trim_end();
    assert!(token.starts_with("SharedAccessSignature sr=localhost&sig="), "{token}");
    assert!(token.ends_with("&skn=iothubowner"), "{token}");
    let host = hub.text("serviceConnectionString").split(';').next().unwrap();
    let login = format!("{host};SharedAccessSignature={token}");
    let list = hub.run(&["device", "list", "--login", &login, "--ca", hub.text("caFile")]).json();
    assert_eq!(list[0]["deviceId"], "dev1");
    // With one letter changed it is not.
    let at = login.find("&sig=").unwrap() + "&sig=".len();
    let other = if &login[at..=at] == "A" { "B" } else { "A" };
    let forged = format!("{}{other}{}", &login[..at], &login[at + 1..]);
    hub.run(&["device", "list", "--login", &forged, "--ca", hub.text("caFile")]).refused(4);
    // It signs nothing further.
    let line = hub.run(&["sas", "--login", &login]).refused(1);
    assert!(line.contains("no key to sign another with"), "{line}");
}

#[tokio::test]
async fn a_token_of_a_device_is_accepted_by_the_hub() {
    let hub = Hub::start();
    hub.line("module create dev1 camera").json();
    for (arguments, part) in [("", "DeviceId=dev1"), (" --module-id camera", "DeviceId=dev1;ModuleId=camera")]
    {
        let json = hub.line(&format!("sas --device dev1{arguments} -o json")).json();
        let token = json["sas"].as_str().unwrap();
        assert!(!token.contains("skn="), "{token}");
        let host = hub.text("deviceConnectionString").split(';').next().unwrap();
        let string = format!("{host};{part};SharedAccessSignature={token}");
        let options = iothub_device::Options::from_connection_string(&string).unwrap();
        let options = options.ca_pem(std::fs::read(hub.text("caFile")).unwrap());
        let address = hub.text("mqttAddress").parse().unwrap();
        let device = iothub_device::Device::connect(options.connect_to(address)).await.unwrap();
        device.close().await;
    }
}

#[test]
fn the_time_a_token_is_good_for_is_the_one_given() {
    let hub = Hub::start();
    let expiry =
        |duration: &str| hub.line(&format!("sas -o json --duration {duration}")).json()["expiry"].as_u64();
    let (short, long) = (expiry("1m").unwrap(), expiry("1d").unwrap());
    assert!((86_340..86_400).contains(&(long - short)), "{short} {long}");
    assert!(hub.line("sas").ok().contains("&se="));
}

#[test]
fn what_cannot_be_signed_is_one_line() {
    let key = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";
    for (arguments, code, part) in [
        (&["sas", "--policy", "service"][..], 1, "the key of policy service is not known"),
        (&["sas", "--duration", "0"], 2, "shorter than a second"),
        (&["sas", "--duration", "1w"], 2, "write a number and ms, s, m, h or d"),
        (&["sas", "--module-id", "camera"], 2, "--device"),
        (&["sas", "--device", "a/b"], 2, "not a device name"),
    ] {
        let login = format!("HostName=h;SharedAccessKeyName=iothubowner;SharedAccessKey={key}");
        let line = Place::new().run(&[arguments, &["--login", &login]].concat()).refused(code);
        assert!(line.contains(part), "{arguments:?}: {line}");
    }
}
