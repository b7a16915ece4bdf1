use crate::place::Place;

#[test]
fn a_code_is_explained_without_a_hub() {
    let place = Place::new();
    let json = place.run(&["explain", "404103"]).json();
    assert_eq!((json["code"].as_str(), json["name"].as_str()), (Some("404103"), Some("DeviceNotOnline")));
    assert!(json["advice"].as_str().unwrap().contains("connectTimeoutInSeconds"), "{json}");
    let page = place.run(&["explain", "0501", "-o", "table"]).ok();
    assert!(page.contains("Throttled") && page.contains("the same can succeed later"), "{page}");
    let all = place.run(&["explain"]).ok();
    assert!(all.lines().count() > 150, "{} lines", all.lines().count());
}

#[test]
fn a_code_that_nobody_knows_is_one_line() {
    let place = Place::new();
    for code in ["999999", "", "no\nsuch", "0x00"] {
        let line = place.run(&["explain", code]).refused(3);
        assert!(line.contains("no code") && line.contains("`iothub explain` lists all"), "{line}");
    }
}
