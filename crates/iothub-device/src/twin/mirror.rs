use std::sync::Arc;

use iothub_model::{Object, Section, merge};
use serde::Deserialize;
use serde_json::Value;

use super::replica::ReplicaError;
use super::snapshot::{Half, TwinSnapshot};

/// The copy that all replicas of a device share.
#[derive(Debug, Default)]
pub(crate) struct Mirrored {
    /// `None` until the hub has told it.
    pub(crate) twin: Option<TwinSnapshot>,
    /// Why what the hub has told since is not in there.
    pub(crate) fault: Option<ReplicaError>,
    /// Whether it is known what became of all reports that have ended.
    is_settled: bool,
    /// Reports that are on their way.
    open_reports: usize,
    pub(crate) is_closed: bool,
}

/// Keeps the copy up to date, over one connection after the other.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    /// The newest version of the reported properties that this connection has told of.
    newest_reported: u64,
    /// How often in a row the hub has told of less than that.
    repeats: u8,
}

/// What came of telling the copy something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Whether there is something to be seen.
    pub(crate) is_news: bool,
    /// Whether only the whole twin says how it stands.
    pub(crate) wants_whole: bool,
}

/// How often a hub is asked again that does not know yet what it has acknowledged.
const REPEATS: u8 = 3;

impl Mirror {
    /// The connection is gone. A twin that is made anew begins with its first version again.
    pub(crate) fn disconnected(&mut self) {
        *self = Self::default();
    }

    /// The twin as the hub has it.
    pub(crate) fn whole(&mut self, copy: &mut Mirrored, document: &[u8]) -> Heard {
        let (desired, reported) = match read(document) {
            Ok(halves) => halves,
            // With the next change it is asked for again, and not before: it would be the same.
            Err(fault) => return copy.fail(fault, Heard::default()),
        };
        let is_behind = reported.version < self.newest_reported && self.repeats < REPEATS;
        if is_behind {
            self.repeats += 1;
        } else {
            *self = Self { newest_reported: reported.version, repeats: 0 };
        }
        let reported = match &copy.twin {
            Some(twin) if is_behind => Arc::clone(&twin.reported),
            Some(_) | None => Arc::new(reported),
        };
        let twin = TwinSnapshot { desired: Arc::new(desired), reported };
        let is_news = copy.fault.take().is_some() || copy.twin.as_ref() != Some(&twin);
        copy.twin = Some(twin);
        copy.is_settled = !is_behind;
        Heard { is_news, wants_whole: is_behind }
    }

    /// A change of the desired properties.
    pub(crate) fn desired(copy: &mut Mirrored, version: u64, json: &[u8]) -> Heard {
        let Some(twin) = &mut copy.twin else { return Heard::default() };
        let ask = Heard { is_news: false, wants_whole: true };
        if version != twin.desired.version + 1 {
            return ask;
        }
        let next = object(json).and_then(|patch| Ok((twin.desired.merged(version, &patch)?, patch)));
        match next {
            Ok((next, patch)) => {
                // A replacement is told as a patch is: all that is there now, and nothing of what is gone.
                let may_be_all = !has_null(&patch) && next.properties.as_object() != Some(&patch);
                twin.desired = Arc::new(next);
                Heard { is_news: true, wants_whole: may_be_all }
            }
            Err(fault) => copy.fail(fault, ask),
        }
    }

    /// The hub has taken over a report, and says which version came of it, if its dialect can.
    pub(crate) fn reported(&mut self, copy: &mut Mirrored, version: Option<u64>, patch: &[u8]) -> Heard {
        self.newest_reported = self.newest_reported.max(version.unwrap_or(0));
        let Some(twin) = &mut copy.twin else { return Heard::default() };
        match version {
            // Contained in the whole that was told since.
            Some(version) if version <= twin.reported.version => return Heard::default(),
            Some(version) if version == twin.reported.version + 1 => {
                // What the hub has merged is a JSON object of a size that it allows.
                if let Ok(next) = object(patch).and_then(|patch| twin.reported.merged(version, &patch)) {
                    twin.reported = Arc::new(next);
                    return Heard { is_news: true, wants_whole: false };
                }
            }
            Some(_) | None => {}
        }
        copy.is_settled = false;
        Heard { is_news: false, wants_whole: true }
    }

    /// Nobody knows what became of a report. On a connection that goes on, the whole twin tells; with a new one it comes
    /// anyway.
    pub(crate) fn unsettled(copy: &mut Mirrored) -> Heard {
        copy.is_settled = false;
        Heard { is_news: false, wants_whole: true }
    }
}

impl Mirrored {
    /// Whether the reported properties are known to be what the hub has.
    pub(super) fn is_certain(&self) -> bool {
        self.is_settled && self.open_reports == 0
    }

    /// So many reports are on their way, from whomever.
    pub(crate) fn underway(&mut self, reports: usize) -> Heard {
        self.open_reports = reports;
        Heard::default()
    }

    /// Nobody looks at it.
    pub(crate) fn forget(&mut self) {
        *self = Self { is_closed: self.is_closed, ..Self::default() };
    }

    fn fail(&mut self, fault: ReplicaError, heard: Heard) -> Heard {
        self.fault = Some(fault);
        Heard { is_news: true, ..heard }
    }
}

impl Half {
    fn merged(&self, version: u64, patch: &Object) -> Result<Self, ReplicaError> {
        let mut properties = self.properties.as_object().cloned().unwrap_or_default();
        merge(&mut properties, patch);
        Self::new(version, properties)
    }

    fn new(version: u64, properties: Object) -> Result<Self, ReplicaError> {
        Section::check_extent(&properties)?;
        Ok(Self { version, properties: Value::Object(properties) })
    }
}

/// A twin as devices are told it.
#[derive(Deserialize)]
struct Document {
    desired: Object,
    reported: Object,
}

fn read(document: &[u8]) -> Result<(Half, Half), ReplicaError> {
    let Document { desired, reported } =
        serde_json::from_slice(document).map_err(|error| ReplicaError::malformed(&error))?;
    let half = |mut properties: Object| {
        let version = properties.get("$version").and_then(Value::as_u64);
        without_reserved(&mut properties);
        Half::new(version.ok_or_else(ReplicaError::without_version)?, properties)
    };
    Ok((half(desired)?, half(reported)?))
}

fn object(json: &[u8]) -> Result<Object, ReplicaError> {
    let mut object: Object = serde_json::from_slice(json).map_err(|error| ReplicaError::malformed(&error))?;
    without_reserved(&mut object);
    Ok(object)
}

/// A hub ignores them in patches, too.
fn without_reserved(properties: &mut Object) {
    properties.retain(|name, _| !matches!(name.as_str(), "$version" | "$metadata" | "$etag"));
}

fn has_null(members: &Object) -> bool {
    members.values().any(|value| match value {
        Value::Null => true,
        Value::Object(members) => has_null(members),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ASKS: Heard = Heard { is_news: false, wants_whole: true };
    const NEWS: Heard = Heard { is_news: true, wants_whole: false };
    const NEWS_AND_ASKS: Heard = Heard { is_news: true, wants_whole: true };
    const NOTHING: Heard = Heard { is_news: false, wants_whole: false };

    fn document(desired: Value, reported: Value) -> Vec<u8> {
        json!({ "desired": desired, "reported": reported }).to_string().into_bytes()
    }

    fn begun() -> (Mirror, Mirrored) {
        let (mut mirror, mut copy) = (Mirror::default(), Mirrored::default());
        let twin =
            document(json!({ "a": 1, "b": { "x": 1 }, "$version": 3 }), json!({ "t": 5, "$version": 7 }));
        assert_eq!(mirror.whole(&mut copy, &twin), NEWS);
        (mirror, copy)
    }

    fn seen(copy: &Mirrored) -> (Value, u64, Value, u64) {
        let TwinSnapshot { desired, reported } = copy.twin.clone().unwrap();
        (desired.properties.clone(), desired.version, reported.properties.clone(), reported.version)
    }

    #[test]
    fn a_change_is_merged_and_where_it_may_be_all_there_is_the_whole_is_wanted() {
        for (patch, merged, heard) in [
            (json!({ "a": null, "$version": 4 }), json!({ "b": { "x": 1 } }), NEWS),
            (json!({ "a": 2, "b": { "x": 2 }, "$version": 4 }), json!({ "a": 2, "b": { "x": 2 } }), NEWS),
            (json!({ "b": { "x": null } }), json!({ "a": 1, "b": {} }), NEWS),
            (json!({ "a": 2 }), json!({ "a": 2, "b": { "x": 1 } }), NEWS_AND_ASKS),
            (json!({ "a": 1, "b": { "y": 1 } }), json!({ "a": 1, "b": { "x": 1, "y": 1 } }), NEWS_AND_ASKS),
            (json!({}), json!({ "a": 1, "b": { "x": 1 } }), NEWS_AND_ASKS),
        ] {
            let (_, mut copy) = begun();
            assert_eq!(Mirror::desired(&mut copy, 4, patch.to_string().as_bytes()), heard, "{patch}");
            assert_eq!(seen(&copy), (merged, 4, json!({ "t": 5 }), 7), "{patch}");
        }
    }

    #[test]
    fn a_report_counts_once_and_a_gap_makes_the_whole_wanted() {
        for (version, heard, reported) in [
            (Some(7), NOTHING, (json!({ "t": 5 }), 7)),
            (Some(8), NEWS, (json!({ "t": 6 }), 8)),
            (Some(9), ASKS, (json!({ "t": 5 }), 7)),
            (None, ASKS, (json!({ "t": 5 }), 7)),
        ] {
            let (mut mirror, mut copy) = begun();
            assert_eq!(mirror.reported(&mut copy, version, br#"{"t":6,"$version":1}"#), heard, "{version:?}");
            let (_, _, properties, at) = seen(&copy);
            assert_eq!((properties, at), reported, "{version:?}");
            assert_eq!(copy.is_settled, !heard.wants_whole, "{version:?}");
        }
    }

    #[test]
    fn a_whole_that_knows_less_than_was_acknowledged_is_asked_for_again_but_not_for_ever() {
        let (mut mirror, mut copy) = begun();
        assert_eq!(mirror.reported(&mut copy, Some(8), br#"{"t":6}"#), NEWS);
        let old = document(json!({ "$version": 3 }), json!({ "t": 5, "$version": 7 }));
        for heard in [NEWS_AND_ASKS, ASKS, ASKS] {
            assert_eq!(mirror.whole(&mut copy, &old), heard);
            assert_eq!(seen(&copy), (json!({}), 3, json!({ "t": 6 }), 8));
            assert!(!copy.is_settled);
        }
        assert_eq!(mirror.whole(&mut copy, &old), NEWS);
        assert_eq!(seen(&copy), (json!({}), 3, json!({ "t": 5 }), 7));

        mirror.reported(&mut copy, Some(8), br#"{"t":6}"#);
        mirror.disconnected();
        assert_eq!(
            mirror.whole(&mut copy, &old),
            NEWS,
            "the twin of a device that was made anew begins anew"
        );
    }

    #[test]
    fn what_is_no_twin_or_too_much_is_a_fault_and_changes_nothing() {
        let fat = |len: usize| json!({ "x": vec!["y".repeat(1024); len], "$version": 4 });
        let deep = |levels| (0..levels).fold(json!(1), |inner, _| json!({ "x": inner }));
        let fine = json!({ "$version": 1 });
        for (whole, expected) in [
            (b"{".to_vec(), "not a twin: EOF while parsing an object at line 1 column 1"),
            (
                br#"{"desired":[],"reported":{}}"#.to_vec(),
                "not a twin: invalid type: sequence, expected a map",
            ),
            (document(json!({}), fine.clone()), "not a twin: it has no version"),
            (document(fat(32), fine.clone()), "a twin that no hub may have: 32769 bytes in all"),
            (document(fine.clone(), fat(33)), "a twin that no hub may have: 33793 bytes in all"),
            (
                document(json!({ "x": deep(11), "$version": 4 }), fine),
                "a twin that no hub may have: x: nested deeper",
            ),
        ] {
            let (mut mirror, mut copy) = begun();
            let before = seen(&copy);
            assert_eq!(mirror.whole(&mut copy, &whole), NEWS, "{expected}");
            let fault = copy.fault.clone().unwrap().to_string();
            assert!(fault.starts_with(expected), "{fault}");
            assert_eq!(seen(&copy), before);
        }
    }

    #[test]
    fn a_fault_lasts_until_the_whole_is_fine_again() {
        let (mut mirror, mut copy) = begun();
        let fat = json!({ "x": vec!["y".repeat(1024); 32] }).to_string();
        for wrong in ["[]", &fat] {
            assert_eq!(Mirror::desired(&mut copy, 4, wrong.as_bytes()), NEWS_AND_ASKS);
            assert!(copy.fault.is_some());
            // What follows on it is not merged into what was before it.
            assert_eq!(Mirror::desired(&mut copy, 5, br#"{"a":2}"#), ASKS);
            let twin =
                document(json!({ "a": 1, "b": { "x": 1 }, "$version": 3 }), json!({ "t": 5, "$version": 7 }));
            assert_eq!(mirror.whole(&mut copy, &twin), NEWS);
            assert_eq!(copy.fault, None);
        }
    }
}
