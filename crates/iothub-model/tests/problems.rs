//! Errors: their table, their two bodies, and what a client makes of anything.

use iothub_model::{Date, ErrorCode, Form, Problem, Refusal};
use serde_json::{Value, json};

#[test]
fn numbers_and_names_lead_back_to_the_code() {
    for code in ErrorCode::ALL {
        assert_eq!(ErrorCode::from_number(code.number()), Some(*code));
        assert_eq!(ErrorCode::from_name(code.name()), Some(*code));
        assert_eq!(ErrorCode::from_name(&code.name().to_lowercase()), Some(*code));
    }
    assert!(ErrorCode::ALL.is_sorted_by_key(|code| code.number()));
    assert_eq!(ErrorCode::ALL.len(), 164);
    assert_eq!(ErrorCode::from_number(404_102), None);
    assert_eq!(ErrorCode::from_name("DeviceNotFound "), None);
}

#[test]
fn the_first_three_digits_are_the_http_status() {
    for (code, number, name, status) in [
        (ErrorCode::ArgumentInvalid, 400_004, "ArgumentInvalid", 400),
        (ErrorCode::IotHubUnauthorizedAccess, 401_002, "IotHubUnauthorizedAccess", 401),
        (ErrorCode::DeviceMaximumInflightMethodExceeded, 403_800, "DeviceMaximumInflightMethodExceeded", 403),
        (ErrorCode::DeviceNotFound, 404_001, "DeviceNotFound", 404),
        (ErrorCode::DeviceNotOnline, 404_103, "DeviceNotOnline", 404),
        (ErrorCode::DeviceAlreadyExists, 409_001, "DeviceAlreadyExists", 409),
        (
            ErrorCode::DigitalTwinModelExistsWithOtherModelType,
            409_502,
            "DigitalTwinModelExistsWithOtherModelType",
            409,
        ),
        (ErrorCode::PreconditionFailed, 412_001, "PreconditionFailed", 412),
        (ErrorCode::MessageTooLarge, 413_001, "MessageTooLarge", 413),
        (ErrorCode::ThrottlingException, 429_001, "ThrottlingException", 429),
        (ErrorCode::GatewayTimeout, 504_101, "GatewayTimeout", 504),
    ] {
        assert_eq!((code.number(), code.name(), code.http_status()), (number, name, status));
        assert_eq!(code.to_string(), format!("{number} {name}"));
    }
}

#[test]
fn a_body_has_the_form_of_its_place() {
    let problem = problem();
    assert_eq!(
        parsed(&problem.body(Form::Registry)),
        json!({
            "Message": "ErrorCode:DeviceNotOnline;Timed out waiting for device to connect.",
            "ExceptionMessage": "Tracking ID:8f0c-1-TimeStamp:2029-12-31T23:00:00.0000000Z",
        })
    );
    let inner = r#"{"errorCode":404103,"trackingId":"8f0c-1","message":"Timed out waiting for device to connect.","timestampUtc":"2029-12-31T23:00:00.0000000Z"}"#;
    assert_eq!(parsed(&problem.body(Form::Gateway)), json!({"Message": inner, "ExceptionMessage": ""}));
    assert_eq!(problem.device_body(), inner);
}

#[test]
fn what_a_hub_writes_a_client_reads_in_any_form() {
    for form in [Form::Registry, Form::Gateway, Form::Device] {
        for message in
            ["plain", "quotes \" and; semicolons: \\", "ErrorCode:X;nested", "{\"errorCode\":1}", ""]
        {
            let problem = Problem { message: message.into(), ..problem() };
            let refusal = Refusal {
                code: Some(ErrorCode::DeviceNotOnline),
                number: Some(404_103),
                message: message.into(),
                tracking_id: Some("8f0c-1".into()),
            };
            assert_eq!(Refusal::read(None, problem.body(form).as_bytes()), refusal, "{form:?} {message}");
            assert_eq!(Refusal::read(Some("ServerError"), problem.body(form).as_bytes()), refusal);
        }
    }
}

#[test]
fn a_client_makes_the_best_of_any_response() {
    let gone = Some(ErrorCode::DeviceNotFound);
    for (header, body, code, message, tracking_id) in [
        (None, "", None, "", None),
        (Some("DeviceNotFound"), "", gone, "", None),
        (Some(" devicenotfound "), "<html>no</html>", gone, "<html>no</html>", None),
        (Some("Unheard"), "{}", None, "{}", None),
        (None, r#"{"message":"lower case","ExceptionMessage":null}"#, None, "lower case", None),
        (None, r#"{"Message":"ErrorCode:DeviceNotFound;gone"}"#, gone, "gone", None),
        (None, r#"{"Message":"ErrorCode:Unheard;of"}"#, None, "ErrorCode:Unheard;of", None),
        (Some("DeviceNotFound"), r#"{"Message":"ErrorCode:Unheard;of"}"#, gone, "ErrorCode:Unheard;of", None),
        (None, r#"{"Message":"ErrorCode:DeviceNotFound"}"#, None, "ErrorCode:DeviceNotFound", None),
        (None, r#"{"Message":"x","ExceptionMessage":"Tracking ID:a-b"}"#, None, "x", Some("a-b")),
        (None, r#"{"Message":"x","ExceptionMessage":"at Foo.Bar()"}"#, None, "x", None),
        (None, r#"{"Message":"{\"errorCode\":404001,\"message\":\"m\",\"info\":null}"}"#, gone, "m", None),
        (None, r#"{"Message":"{\"errorCode\":404999,\"message\":\"m\"}"}"#, None, "m", None),
        (None, r#"{"Message":"{\"errorCode\":-1}"}"#, None, "-1:", None),
        (None, r#"{"Message":"{\"trackingId\":\"t\"}"}"#, None, r#"{"trackingId":"t"}"#, None),
        (None, r#"{"Message":7}"#, None, r#"{"Message":7}"#, None),
        (None, "[1]", None, "[1]", None),
    ] {
        let number = if body.contains("404999") { Some(404_999) } else { code.map(ErrorCode::number) };
        let tracking_id = tracking_id.map(Into::into);
        let refusal = Refusal { code, number, message: message.into(), tracking_id };
        assert_eq!(Refusal::read(header, body.as_bytes()), refusal, "{header:?} {body}");
    }
}

#[test]
fn a_message_is_fit_for_a_terminal_whoever_sent_it() {
    let hostile = "\u{1b}[2J\r\n".to_owned() + &"é".repeat(5000);
    let body = json!({"Message": hostile}).to_string();
    for body in [body.as_bytes(), hostile.as_bytes(), b"\xff\x1b"] {
        let message = Refusal::read(None, body).message;
        assert!(message.chars().count() <= Refusal::MESSAGE_MAX);
        assert!(!message.contains(char::is_control), "{message:?}");
    }
}

fn problem() -> Problem {
    Problem {
        code: ErrorCode::DeviceNotOnline,
        message: "Timed out waiting for device to connect.".into(),
        tracking_id: "8f0c-1".into(),
        time: Date::from_millis(1_893_452_400_000),
    }
}

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).expect("a body is JSON")
}
