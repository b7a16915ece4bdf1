//! What is read, how it is printed, and where it is wrong.

use iothub_query::{Collection, Condition, Expected, Expr, ParseError, ParseErrorKind, Query};

/// `‸` marks the place of the error.
fn unmark(marked: &str) -> (String, usize) {
    let at = marked.find('‸').expect("a place is marked");
    (marked.replace('‸', ""), at)
}

#[test]
fn every_query_of_the_published_references_is_read() {
    for (text, printed) in [
        (
            "SELECT * FROM devices WHERE tags.plant = 'p1' AND properties.reported.rate >= 60",
            "SELECT * FROM devices WHERE tags.plant = 'p1' AND properties.reported.rate >= 60",
        ),
        (
            "SELECT properties.reported.fw AS fw, COUNT() AS n FROM devices GROUP BY properties.reported.fw",
            "SELECT properties.reported.fw AS fw, COUNT() AS n FROM devices GROUP BY properties.reported.fw",
        ),
        (
            "SELECT deviceId, lastActivityTime FROM devices WHERE status = 'enabled' AND is_defined(tags.plant)",
            "SELECT deviceId, lastActivityTime FROM devices WHERE status = 'enabled' AND is_defined(tags.plant)",
        ),
        (
            "SELECT * FROM devices.modules WHERE moduleId = 'mod-a' AND deviceId IN ['dev-1','dev-2']",
            "SELECT * FROM devices.modules WHERE moduleId = 'mod-a' AND deviceId IN ['dev-1', 'dev-2']",
        ),
        (
            "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'j1'",
            "SELECT * FROM devices.jobs WHERE jobId = 'j1'",
        ),
        (
            "SELECT deviceId FROM devices WHERE configurations.[[fleet-1]].status='Applied'",
            "SELECT deviceId FROM devices WHERE configurations.[[fleet-1]].status = 'Applied'",
        ),
        (
            "SELECT * FROM devices WHERE properties.reported.$version > 4",
            "SELECT * FROM devices WHERE properties.reported.$version > 4",
        ),
        (
            "SELECT * FROM devices WHERE properties.reported.$metadata.x.$lastUpdated < '2030'",
            "SELECT * FROM devices WHERE properties.reported.$metadata.x.$lastUpdated < '2030'",
        ),
        (
            "SELECT * FROM devices.jobs WHERE createdTimeUtc > '2030' AND jobType = 'scheduleTwinUpdate'",
            "SELECT * FROM devices.jobs WHERE createdDateTimeUtc > '2030' AND jobType = 'scheduleUpdateTwin'",
        ),
        (
            "SELECT * FROM devices.jobs WHERE devices.jobs.status NIN ['Cancelled', 'failed']",
            "SELECT * FROM devices.jobs WHERE status NIN ['canceled', 'failed']",
        ),
    ] {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(query.to_string(), printed);
        assert_eq!(Query::parse(printed), Ok(query));
    }
}

#[test]
fn every_routing_condition_of_the_published_references_is_read() {
    for text in [
        "true",
        "level = 'hot' AND as_number(severity) >= 2",
        "$body.temp > 60 AND $connectionDeviceId = 'dev-1'",
        "$twin.tags.plant = 'p1' OR is_defined($body.alarm)",
        "$body.a.b[0] = 1",
    ] {
        let condition = Condition::of_messages(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(condition.to_string(), text);
    }
}

#[test]
fn targets_are_devices_unless_it_is_said_what_they_are() {
    for (text, from, printed) in [
        ("tags.plant = 'p1'", Collection::Devices, "tags.plant = 'p1'"),
        ("*", Collection::Devices, "true"),
        ("from devices where TAGS.plant = 'p1'", Collection::Devices, "tags.plant = 'p1'"),
        ("FROM devices.modules WHERE moduleId = 'camera'", Collection::Modules, "moduleId = 'camera'"),
        ("FROM devices.modules", Collection::Modules, "true"),
    ] {
        let (found, condition) =
            Condition::of_targets(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((found, condition.expr().to_string().as_str()), (from, printed), "{text}");
    }
    for marked in
        ["‸", "FROM ‸twins", "FROM devices.modules ‸moduleId", "FROM devices.modules WHERE‸", "‸SELECT *"]
    {
        let (text, at) = unmark(marked);
        let error = Condition::of_targets(&text).unwrap_err();
        assert_eq!(error.at, at, "{marked}: {error}");
    }
}

#[test]
fn case_spaces_and_quotes_make_no_difference() {
    let printed =
        "SELECT TOP 5 deviceId AS id FROM devices WHERE NOT (tags.on = true) AND status IN ['a', null]";
    for text in [
        "select top 5 DEVICEID as id from DEVICES where not tags.on = TRUE and Status in ['a',NULL]",
        "Select Top 5 deviceid As id\n\tFrom devices\r\nWhere Not(tags.on=True) And status In[\"a\",null]",
        "SELECT TOP 5 [[deviceId]] AS [[id]] FROM devices WHERE NOT tags.[[on]] = true AND STATUS IN [ '\\u0061' , null ]",
    ] {
        assert_eq!(Query::parse(text).unwrap().to_string(), printed, "{text}");
    }
}

#[test]
fn operators_bind_as_tightly_as_they_should() {
    for (text, printed) in [
        ("a + b * c - d", "a + b * c - d"),
        ("(a + b) * (c - d)", "(a + b) * (c - d)"),
        ("a - (b - c)", "a - (b - c)"),
        ("((a)) = ((b))", "a = b"),
        ("a = b AND c OR d AND NOT e < f", "a = b AND c OR d AND NOT (e < f)"),
        ("a AND (b AND c)", "a AND (b AND c)"),
        ("(a OR b) AND c", "(a OR b) AND c"),
        ("NOT NOT a", "NOT (NOT a)"),
        ("-a * -5 - -0x1F", "-a * -5 - -31"),
        ("-(5)", "-(5)"),
        ("a = b < c", "a = b < c"),
        ("(a = b) < c", "(a = b) < c"),
        ("a <> 1.50", "a != 1.5"),
        ("1e3 % 99999999999999999999", "1000.0 % 1e+20"),
        ("a + 1 IN [-1, 'x']", "a + 1 IN [-1, 'x']"),
        ("NOT a NIN [false]", "NOT (a NIN [false])"),
        ("[1, 'a'] = undefined", "[1, 'a'] = undefined"),
        ("a = 'it\\'s \\\"so\\\" \\\\ \\uD83D\\uDE00 \\u0001'", "a = 'it\\'s \"so\" \\\\ 😀 \\u0001'"),
        ("[[and]].[[x y]].[[]] = 1", ""),
        ("[[And]].and.x = [[null]]", "[[And]].and.x = [[null]]"),
        ("*", "true"),
    ] {
        match Condition::of_twins(text) {
            Ok(condition) => assert_eq!(condition.to_string(), printed, "{text}"),
            Err(error) => assert!(printed.is_empty(), "{text}: {error}"),
        }
    }
}

#[test]
fn routes_have_words_of_their_own() {
    for (text, printed) in [
        ("$iothub-message-source = 'x'", "[[$iothub-message-source]] = 'x'"),
        ("{$userId} = userId", "{$userId} = userId"),
        ("a || 'b' ?? c OR d", "a || 'b' ?? c OR d"),
        ("(a ?? b) = c", "(a ?? b) = c"),
        ("True = true", "[[True]] = true"),
        ("top = 'x' AND group = 'y'", "[[top]] = 'x' AND [[group]] = 'y'"),
        ("$body.list[0].x[12]", "$body.list[0].x[12]"),
        ("twin_change_includes(properties.reported.x)", "twin_change_includes($body.properties.reported.x)"),
        ("twin_change_includes($body.tags)", "twin_change_includes($body.tags)"),
    ] {
        let condition = Condition::of_messages(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(condition.to_string(), printed);
        assert_eq!(Condition::of_messages(printed), Ok(condition), "{text}");
    }
    for text in ["a || b", "a ?? b", "{$x} = 1", "a[0] = 1", "twin_change_includes(a)"] {
        assert!(Condition::of_twins(text).is_err(), "{text}");
    }
}

#[test]
fn an_error_says_what_should_stand_where() {
    for (marked, message) in [
        ("‸", "expected SELECT, found the end at line 1, column 1"),
        ("SELECT ‸", "expected `*` or a column, found the end at line 1, column 8"),
        ("SELECT *‸", "expected FROM, found the end at line 1, column 9"),
        ("SELECT a ‸b FROM devices", "expected AS, FROM, `,` or `.`, found a word at line 1, column 10"),
        (
            "SELECT * FROM ‸twins",
            "expected devices, devices.modules, devices.jobs, found a word at line 1, column 15",
        ),
        (
            "SELECT * FROM devices ‸x",
            "expected WHERE, GROUP BY, `.` or the end, found a word at line 1, column 23",
        ),
        ("SELECT *\nFROM devices\nWHERE‸", "expected a value, found the end at line 3, column 6"),
        (
            "SELECT * FROM devices WHERE ü.é = 1 ‸7",
            "expected GROUP BY, an operator or the end, found a number at line 1, column 37",
        ),
        ("SELECT * FROM devices WHERE a = ‸= 1", "expected a value, found `=` at line 1, column 33"),
        (
            "SELECT * FROM devices WHERE (a ‸",
            "expected an operator, `)` or `.`, found the end at line 1, column 32",
        ),
        ("SELECT * FROM devices WHERE a IN ‸(1)", "expected `[`, found `(` at line 1, column 34"),
        ("SELECT * FROM devices WHERE a IN [‸]", "expected a constant, found `]` at line 1, column 35"),
        (
            "SELECT * FROM devices WHERE a IN [1 ‸2]",
            "expected `]` or `,`, found a number at line 1, column 37",
        ),
        (
            "SELECT * FROM devices WHERE a IN [-‸'x']",
            "expected a constant, found a text at line 1, column 36",
        ),
        (
            "SELECT * FROM devices WHERE is_defined(‸1)",
            "expected a path, found a number at line 1, column 40",
        ),
        ("SELECT * FROM devices WHERE a ‸# 1", ""),
        (
            "SELECT TOP ‸0 * FROM devices",
            "expected a whole number from 1 on, found a number at line 1, column 12",
        ),
        ("SELECT * FROM devices WHERE tags.‸'x'", "expected a name, found a text at line 1, column 34"),
    ] {
        let (text, at) = unmark(marked);
        let error = Query::parse(&text).expect_err(marked);
        assert_eq!(error.at, at, "{marked}: {error}");
        if !message.is_empty() {
            assert_eq!(error.to_string(), message, "{marked}");
        }
    }
}

#[test]
fn what_is_wrong_has_a_name() {
    use ParseErrorKind::{
        AggregateHere, BadEscape, BadName, BadNumber, ColumnTwice, GroupsHere, JobsWhole, NoJobColumn,
        NotGrouped, OpenText, UnknownFunction,
    };
    for (marked, kind) in [
        ("SELECT * FROM devices WHERE a = ‸'x", OpenText),
        ("SELECT * FROM devices WHERE a = ‸\"x'", OpenText),
        ("SELECT * FROM devices WHERE a = 'x‸\\n'", BadEscape),
        ("SELECT * FROM devices WHERE a = 'x‸\\u12'", BadEscape),
        ("SELECT * FROM devices WHERE a = 'x‸\\uD83D!'", BadEscape),
        ("SELECT * FROM devices WHERE a = ‸1x", BadNumber),
        ("SELECT * FROM devices WHERE a = ‸0x10000000000000000", BadNumber),
        ("SELECT * FROM devices WHERE a = ‸1e999", BadNumber),
        ("SELECT * FROM devices WHERE a.‸[[b = 1", BadName),
        ("SELECT * FROM devices WHERE a.‸[[]] = 1", BadName),
        ("SELECT * FROM devices WHERE ‸near(a)", UnknownFunction),
        ("SELECT * FROM devices WHERE ‸COUNT() > 1", AggregateHere),
        ("SELECT ‸near(a) FROM devices", UnknownFunction),
        ("SELECT ‸COUNT() FROM devices.modules", AggregateHere),
        ("SELECT tags.a.x, ‸tags.b.x FROM devices", ColumnTwice),
        ("SELECT COUNT(), ‸COUNT() FROM devices", ColumnTwice),
        ("SELECT COUNT(), ‸deviceId FROM devices", NotGrouped),
        ("SELECT ‸tags.b FROM devices GROUP BY tags.a", NotGrouped),
        ("SELECT ‸* FROM devices GROUP BY tags.a", NotGrouped),
        ("SELECT moduleId FROM devices.modules ‸GROUP BY moduleId", GroupsHere),
        ("SELECT ‸jobId FROM devices.jobs", JobsWhole),
        ("SELECT * FROM devices.jobs WHERE ‸tags.a = 1", NoJobColumn),
    ] {
        let (text, at) = unmark(marked);
        let ParseError { at: place, kind: found, .. } = Query::parse(&text).expect_err(marked);
        assert_eq!((place, found), (at, kind), "{marked}");
    }
}

#[test]
fn what_could_come_next_can_be_asked() {
    let error = Query::parse("SELECT * FROM devices WHERE").unwrap_err();
    let ParseErrorKind::Unexpected { expected, .. } = error.kind else { panic!("{error}") };
    assert!(expected.contains(Expected::Value) && !expected.contains(Expected::End));
}

#[test]
fn functions_take_as_many_arguments_as_they_take() {
    for (call, is_read) in [
        ("is_null()", false),
        ("is_null(a)", true),
        ("is_null(a, b)", false),
        ("substring(a)", false),
        ("substring(a, 1)", true),
        ("SUBSTRING(a, 1, 2)", true),
        ("substring(a, 1, 2, 3)", false),
        ("concat(a)", false),
        ("concat(a, b, c, d)", true),
        ("starts_with(a)", false),
        ("Starts_With (a, 'b')", true),
    ] {
        assert_eq!(Condition::of_twins(call).is_ok(), is_read, "{call}");
    }
}

#[test]
fn the_longest_text_is_read_and_no_longer_one() {
    let text = |len: usize| format!("a = '{}'", "ü".repeat(len - "a = ''".len()));
    assert!(Condition::of_twins(&text(Query::MAX_LEN)).is_ok());
    let error = Condition::of_twins(&text(Query::MAX_LEN + 1)).unwrap_err();
    assert_eq!((error.kind, error.column), (ParseErrorKind::TooLong, Query::MAX_LEN + 1));
}

#[test]
fn the_deepest_tree_is_read_and_no_deeper_one() {
    type Text = fn(usize) -> String;
    let deep: [(&str, Text); 6] = [
        ("sum", |levels| vec!["1"; levels].join(" + ")),
        ("not", |levels| "NOT ".repeat(levels - 1) + "a"),
        ("sign", |levels| "- ".repeat(levels - 1) + "a"),
        ("call", |levels| "is_null(".repeat(levels - 1) + "a" + &")".repeat(levels - 1)),
        ("comparison", |levels| "1 = (".repeat(levels - 1) + "a" + &")".repeat(levels - 1)),
        ("and or", |levels| {
            let begun: String = (1..levels).map(|n| if n % 2 == 0 { "(a AND " } else { "(a OR " }).collect();
            begun + "a" + &")".repeat(levels - 1)
        }),
    ];
    for (name, text) in deep {
        let deepest = Condition::of_twins(&text(Expr::DEPTH_MAX)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(Condition::of_twins(&deepest.to_string()).as_ref(), Ok(&deepest), "{name}");
        let error = Condition::of_twins(&text(Expr::DEPTH_MAX + 1)).expect_err(name);
        assert_eq!(error.kind, ParseErrorKind::TooDeep, "{name}");
    }
    for hostile in ["(", "NOT ", "-", "is_null(", "[", "a = (", "concat(a,", "-("] {
        let text = hostile.repeat(Query::MAX_LEN / hostile.len());
        assert!(Query::parse(&("SELECT * FROM devices WHERE ".to_owned() + &text)).is_err(), "{hostile}");
        assert!(Condition::of_messages(&text).is_err(), "{hostile}");
    }
}

#[test]
fn a_long_choice_is_one_level() {
    let choice = vec!["deviceId='a'"; 500].join(" OR ");
    let condition = Condition::of_twins(&choice).unwrap();
    assert!(matches!(condition.expr(), Expr::Any(members) if members.len() == 500));
}
