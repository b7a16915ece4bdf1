use iothub_codec::TwinPart;
use iothub_model::{Date, Etag, Object, Section, Tags, Update, Violation};
use iothub_proto::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The part of a twin that changes: tags, desired and reported properties, and how often each did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Twin {
    tags: Tags,
    desired: Section,
    reported: Section,
    /// Counts every change.
    version: u64,
    /// Counts the changes of tags and desired properties.
    edits: u64,
}

/// One change of a twin: what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TwinEdit {
    /// To the tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Update>,
    /// To the desired properties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<Update>,
    /// To the reported properties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported: Option<Update>,
}

/// What others are told about a change.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    /// The desired properties that changed, with `$version`, if any did.
    pub(crate) desired: Option<Object>,
    /// The tags that changed, if any did.
    pub(crate) tags: Option<Object>,
    /// The reported properties that changed, with `$version`, if any did.
    pub(crate) reported: Option<Object>,
}

impl Twin {
    pub(crate) fn new(at: Timestamp) -> Self {
        let at = date(at);
        Self {
            tags: Tags::default(),
            desired: Section::desired(at),
            reported: Section::reported(at),
            // Samples of new twins stand at 2: one for being there, one for its first sections.
            version: 2,
            edits: 1,
        }
    }

    /// Makes a change, or none at all if a part of it breaks a rule.
    pub(crate) fn apply(&mut self, edit: TwinEdit, at: Timestamp) -> Result<Told, Violation> {
        let at = date(at);
        let writes = edit.tags.is_some() || edit.desired.is_some();
        // Of several parts the last is changed in place; those before it are put back only when all is well.
        let mut told = Told::default();
        let mut tags = None;
        if let Some(update) = edit.tags {
            let mut next = self.tags.clone();
            let patch = match &update {
                Update::Merge(patch) => Some(patch.clone()),
                Update::Replace(_) | Update::Clear => None,
            };
            next.apply(update).map_err(|violation| within("tags", violation))?;
            told.tags = Some(patch.unwrap_or_else(|| next.as_object().clone()));
            tags = Some(next);
        }
        let mut desired = None;
        if let Some(update) = edit.desired {
            let mut next = self.desired.clone();
            let patch = next.apply(update, at).map_err(|v| within("properties.desired", v))?;
            told.desired = Some(patch);
            desired = Some(next);
        }
        if let Some(update) = edit.reported {
            let patch = self.reported.apply(update, at).map_err(|v| within("properties.reported", v))?;
            told.reported = Some(patch);
        }
        self.tags = tags.unwrap_or_else(|| core::mem::take(&mut self.tags));
        if let Some(desired) = desired {
            self.desired = desired;
        }
        self.version += 1;
        self.edits += u64::from(writes);
        Ok(told)
    }

    /// Names the present state of tags and desired properties.
    pub(crate) fn etag(&self) -> Etag {
        Etag::from_counter(self.edits)
    }

    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    pub(crate) const fn tags(&self) -> &Tags {
        &self.tags
    }

    pub(crate) const fn desired(&self) -> &Section {
        &self.desired
    }

    pub(crate) const fn reported(&self) -> &Section {
        &self.reported
    }

    /// What the device sees of it, or of a section of it, as JSON. A section says no version.
    pub(crate) fn device_view(&self, part: TwinPart) -> Vec<u8> {
        let view = match part {
            TwinPart::Whole => {
                let mut view = Object::new();
                view.insert("desired".into(), self.desired.device_view().into());
                view.insert("reported".into(), self.reported.device_view().into());
                view
            }
            TwinPart::Desired => self.desired.properties().clone(),
            TwinPart::Reported => self.reported.properties().clone(),
        };
        serde_json::Value::Object(view).to_string().into_bytes()
    }

    /// What back ends are told of a change: of each part what changed, of sections with `$metadata` and `$version`.
    pub(crate) fn changed(&self, told: &Told) -> Value {
        let section = |section: &Section, told: &Object| Value::Object(section.change_view(told));
        let desired = told.desired.as_ref().map(|told| section(&self.desired, told));
        let reported = told.reported.as_ref().map(|told| section(&self.reported, told));
        self.notification(told.tags.clone(), desired, reported)
    }

    /// What back ends are told of a replacement: all there is.
    pub(crate) fn whole(&self) -> Value {
        let section = |section: &Section| Some(Value::Object(section.service_view()));
        let tags = Some(self.tags.as_object().clone());
        self.notification(tags, section(&self.desired), section(&self.reported))
    }

    fn notification(&self, tags: Option<Object>, desired: Option<Value>, reported: Option<Value>) -> Value {
        let mut body = Object::new();
        body.insert("version".into(), self.version.into());
        body.extend(tags.map(|tags| ("tags".into(), tags.into())));
        let sections = [("desired", desired), ("reported", reported)];
        let sections = sections.into_iter().filter_map(|(name, section)| Some((name.to_owned(), section?)));
        let properties: Object = sections.collect();
        if !properties.is_empty() {
            body.insert("properties".into(), properties.into());
        }
        Value::Object(body)
    }

    /// The version of a section; the whole has none that devices know of.
    pub(crate) const fn device_version(&self, part: TwinPart) -> Option<u64> {
        match part {
            TwinPart::Whole => None,
            TwinPart::Desired => Some(self.desired.version()),
            TwinPart::Reported => Some(self.reported.version()),
        }
    }
}

pub(crate) fn date(at: Timestamp) -> Date {
    Date::from_millis(at.as_millis())
}

fn within(part: &str, violation: Violation) -> Violation {
    let path = match violation.path.as_str() {
        "" => part.into(),
        path => format!("{part}.{path}"),
    };
    Violation { path, ..violation }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        value.as_object().unwrap().clone()
    }

    fn merge(value: Value) -> Option<Update> {
        Some(Update::Merge(object(value)))
    }

    #[test]
    fn each_part_has_its_own_count() {
        let mut twin = Twin::new(Timestamp::from_secs(1));
        assert_eq!((twin.version(), twin.etag()), (2, Etag::from_counter(1)));
        let edit = TwinEdit { reported: merge(json!({"a": 1})), ..TwinEdit::default() };
        let told = twin.apply(edit, Timestamp::from_secs(2)).unwrap();
        assert_eq!(told.reported, Some(object(json!({"a": 1, "$version": 2}))));
        assert_eq!((twin.version(), twin.etag()), (3, Etag::from_counter(1)), "reports leave the etag");
        let edit = TwinEdit { tags: merge(json!({"t": 1})), desired: merge(json!({"d": 1})), reported: None };
        let told = twin.apply(edit, Timestamp::from_secs(3)).unwrap();
        assert_eq!(told.desired, Some(object(json!({"d": 1, "$version": 2}))));
        assert_eq!((twin.version(), twin.etag()), (4, Etag::from_counter(2)));
    }

    #[test]
    fn a_change_happens_whole_or_not_at_all() {
        let mut twin = Twin::new(Timestamp::from_secs(1));
        let edit = TwinEdit {
            tags: merge(json!({"t": 1})),
            desired: merge(json!({"d": 1})),
            reported: merge(json!({"a.b": 1})),
        };
        let violation = twin.apply(edit, Timestamp::from_secs(2)).unwrap_err();
        assert!(violation.to_string().starts_with("properties.reported"), "{violation}");
        assert!(twin.tags().as_object().is_empty());
        assert_eq!((twin.desired().version(), twin.version()), (1, 2));
    }
}
