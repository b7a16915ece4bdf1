use iothub_service::{Pages, QueryPosition, Service};

use crate::rogue::{Deed, Rogue, response};

fn page(rows: &str, next: Option<&str>) -> Deed {
    let next = next.map(|next| format!("x-ms-continuation: {next}"));
    let headers: Vec<&str> = next.as_deref().into_iter().chain(["x-ms-item-type: Raw"]).collect();
    Deed::Answer(response("200 OK", &headers, rows))
}

fn pages(service: &Service) -> Pages<u64> {
    service.pages("SELECT VALUE FROM devices").rows_max(2)
}

#[tokio::test(start_paused = true)]
async fn pages_come_one_at_a_time_until_the_hub_names_no_other() {
    let busy = Deed::Answer(response("400 Bad Request", &[], ""));
    let rogue =
        Rogue::new([page("[1,2]", Some("p2")), page("[]", Some("p3")), busy, page("[3]", None)]).await;
    let mut pages = pages(&rogue.service());
    let mut rows = Vec::new();
    let mut positions = Vec::new();
    loop {
        match pages.next().await {
            Ok(Some(page)) => rows.extend(page.rows),
            Ok(None) => break,
            // Nothing is lost by it.
            Err(error) => assert_eq!(error.status(), Some(400)),
        }
        positions.push(pages.position().map(|position| position.as_str().to_owned()));
        assert!(rogue.last_head().contains("x-ms-max-item-count: 2\r\n"));
    }
    assert_eq!(rows, [1, 2, 3]);
    assert_eq!(positions, [Some("p2".into()), Some("p3".into()), Some("p3".into()), None]);
    assert!(rogue.last_head().contains("x-ms-continuation: p3\r\n"));
    assert!(pages.next().await.unwrap().is_none());
    assert_eq!(rogue.asked().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_position_can_be_kept_for_later() {
    let rogue = Rogue::new([page("[3]", None)]).await;
    let mut pages = pages(&rogue.service()).after(QueryPosition::new("p2"));
    assert_eq!(pages.next().await.unwrap().unwrap().rows, [3]);
    assert!(rogue.last_head().contains("x-ms-continuation: p2\r\n"));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_row_is_an_error_and_no_position_breaks_a_request() {
    let rogue = Rogue::new([page(r#"["text"]"#, None)]).await;
    let service = rogue.service();
    assert!(pages(&service).next().await.is_err());
    let hostile = QueryPosition::new("p2\r\nx: y");
    assert!(service.query("SELECT * FROM devices", None, Some(&hostile)).await.is_err());
    assert_eq!(rogue.asked().len(), 1);
}
