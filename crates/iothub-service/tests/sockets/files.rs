use iothub_service::{Error, Service};
use serde_json::json;

use crate::rogue::{Deed, Rogue, response};

/// A server that gives access to a file at itself, and then does that.
async fn storage(deed: Deed) -> (Rogue, Service) {
    let rogue = Rogue::new([]).await;
    let access = json!({
        "correlationId": "", "hostName": format!("localhost:{}", rogue.address().port()), "containerName": "c",
        "blobName": "d/f", "sasToken": "?sig=secret",
    });
    rogue.also(Deed::Answer(response("200 OK", &[], &access.to_string())));
    rogue.also(deed);
    let service = rogue.service();
    (rogue, service)
}

const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf";

#[tokio::test(start_paused = true)]
async fn a_file_that_stops_coming_is_given_up_and_nobody_is_told_what_opens_the_door() {
    for (deed, is_late) in [(Deed::Answer(HALF.into()), true), (Deed::AnswerAndClose(HALF.into()), false)] {
        let (rogue, service) = storage(deed).await;
        let mut download = service.download_file("d/f").await.unwrap();
        assert_eq!(rogue.asked()[1], "GET /c/d%2Ff?sig=secret HTTP/1.1");
        let mut shown = format!("{download:?}");
        assert_eq!(download.content_len(), Some(8));
        assert_eq!(download.next().await.unwrap().unwrap(), "half");
        let error = download.next().await.unwrap_err();
        assert_eq!(matches!(error, Error::TimedOut { .. }), is_late, "{error}");
        shown += &format!("{error} {error:?}");
        assert!(!shown.contains("secret"), "{shown}");
    }
    for deed in [Deed::Close, Deed::Stall, Deed::Answer(response("403 Forbidden", &[], ""))] {
        let (_rogue, service) = storage(deed).await;
        let error = service.download_file("d/f").await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}
