//! What follows from conditions for indexes.

use iothub_query::Condition;

#[test]
fn what_must_be_so_of_single_paths_is_found() {
    for (text, expected) in [
        ("deviceId = 'a'", vec!["deviceId = 'a'"]),
        ("'a' = DeviceId", vec!["deviceId = 'a'"]),
        ("deviceId IN ['a', 'b']", vec!["deviceId IN ['a', 'b']"]),
        ("deviceId IN ['a']", vec!["deviceId = 'a'"]),
        (
            "tags.n >= 1 AND status = 'enabled' AND tags.n < 5",
            vec!["tags.n >= 1 AND tags.n < 5", "status = 'enabled'"],
        ),
        ("5 > tags.n", vec!["tags.n < 5"]),
        ("tags.n > 1 AND tags.n < 'x'", vec!["tags.n > 1", "tags.n < 'x'"]),
        ("tags.n > 1 AND tags.n > 2", vec!["tags.n > 1", "tags.n > 2"]),
        ("starts_with(deviceId, 'pump-')", vec!["starts_with(deviceId, 'pump-')"]),
        ("starts_with(deviceId, tags.x)", vec!["is_defined(deviceId)"]),
        ("is_defined(tags.x) AND is_null(tags.y)", vec!["is_defined(tags.x)", "tags.y = null"]),
        ("tags.on AND NOT tags.off", vec!["tags.on = true", "tags.off = false"]),
        ("tags.x != 1 AND tags.y NIN [1]", vec!["is_defined(tags.x)", "is_defined(tags.y)"]),
        ("(tags.a = 1 AND (tags.b = 2)) AND tags.c = 3", vec!["tags.a = 1", "tags.b = 2", "tags.c = 3"]),
        ("deviceId = 'a' OR deviceId IN ['b', 'c']", vec!["deviceId IN ['a', 'b', 'c']"]),
        ("tags.p = 1 AND tags.x > 0 OR tags.y = 2 AND tags.p = 3", vec!["tags.p IN [1, 3]"]),
        ("deviceId = 'a' OR tags.x = 1", vec![]),
        ("deviceId = 'a' OR deviceId > 'b'", vec![]),
        ("NOT (deviceId = 'a')", vec![]),
        ("deviceId = tags.x", vec![]),
        ("tags.n + 1 = 2", vec![]),
        ("upper(deviceId) = 'A'", vec![]),
        ("*", vec![]),
    ] {
        let constraints = Condition::of_twins(text).unwrap().constraints();
        let found: Vec<String> = constraints.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{text}");
    }
}
