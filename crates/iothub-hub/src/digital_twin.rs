//! A twin seen as what its device's model describes: properties and components, what is wanted of each beside what is.
//! A hub does not know models; a component is what the device or a back end has marked as one.

use iothub_model::{DigitalTwinEdit, Object, Section};
use serde_json::{Value, json};

/// The member by which an object is known as a component, and its value.
const MARK: &str = "__t";
const COMPONENT: &str = "c";
/// Most steps of one change.
pub(crate) const EDITS_MAX: usize = 500;

/// The digital twin of a device.
pub(crate) fn document(device: &str, model: &str, desired: &Section, reported: &Section) -> Value {
    let (desired, reported) = (desired.service_view(), reported.service_view());
    let nothing = Object::new();
    let mut view = View {
        wanted: Part { values: &desired, about: metadata(&desired).unwrap_or(&nothing) },
        is: Part { values: &reported, about: metadata(&reported).unwrap_or(&nothing) },
    }
    .document();
    let mut document = Object::new();
    document.insert("$dtId".into(), device.into());
    let about = view.remove("$metadata").unwrap_or_else(|| json!({}));
    document.append(&mut view);
    let mut whole = Object::new();
    whole.insert("$model".into(), model.into());
    whole.extend(about.as_object().cloned().unwrap_or_default());
    document.insert("$metadata".into(), whole.into());
    Value::Object(document)
}

/// Properties, and when each was changed.
#[derive(Clone, Copy)]
struct Part<'a> {
    values: &'a Object,
    about: &'a Object,
}

/// What is wanted and what is, of a twin or a component.
#[derive(Clone, Copy)]
struct View<'a> {
    wanted: Part<'a>,
    is: Part<'a>,
}

impl View<'_> {
    fn document(self) -> Object {
        let (mut values, mut about) = (Object::new(), Object::new());
        let is_property = |name: &&String| !name.starts_with('$') && *name != MARK;
        let others = self.wanted.values.keys().filter(|name| !self.is.values.contains_key(*name));
        for name in self.is.values.keys().chain(others).filter(is_property) {
            let (wanted, is) = (self.wanted.values.get(name), self.is.values.get(name));
            if [is, wanted].into_iter().flatten().any(is_component) {
                let nothing = Object::new();
                let view =
                    View { wanted: self.wanted.below(name, &nothing), is: self.is.below(name, &nothing) };
                values.insert(name.clone(), Value::Object(view.document()));
                continue;
            }
            let (value, told) = self.property(name);
            values.extend(value.map(|value| (name.clone(), value)));
            about.insert(name.clone(), Value::Object(told));
        }
        values.insert("$metadata".into(), Value::Object(about));
        values
    }

    /// The value that a property has, if it has one, and what there is to say about it.
    fn property(self, name: &str) -> (Option<Value>, Object) {
        let mut told = Object::new();
        if let Some(wanted) = self.wanted.values.get(name) {
            told.insert("desiredValue".into(), wanted.clone());
            if let Some(version) = self.wanted.stamp(name, "$lastUpdatedVersion") {
                told.insert("desiredVersion".into(), version.clone());
            }
        }
        let is = self.is.values.get(name);
        let answer =
            is.and_then(Value::as_object).filter(|is| is.contains_key("value") && is.contains_key("ac"));
        for (member, called) in [("av", "ackVersion"), ("ac", "ackCode"), ("ad", "ackDescription")] {
            if let Some(value) = answer.and_then(|answer| answer.get(member)) {
                told.insert(called.into(), value.clone());
            }
        }
        let changed = self.is.stamp(name, "$lastUpdated").or_else(|| self.wanted.stamp(name, "$lastUpdated"));
        told.extend(changed.map(|changed| ("lastUpdateTime".to_owned(), changed.clone())));
        (answer.map_or(is, |answer| answer.get("value")).cloned(), told)
    }
}

impl<'a> Part<'a> {
    fn below(self, name: &str, nothing: &'a Object) -> Self {
        let member = |of: &'a Object| of.get(name).and_then(Value::as_object).unwrap_or(nothing);
        Self { values: member(self.values), about: member(self.about) }
    }

    fn stamp(self, name: &str, which: &str) -> Option<&'a Value> {
        self.about.get(name)?.get(which)
    }
}

fn metadata(section: &Object) -> Option<&Object> {
    section.get("$metadata")?.as_object()
}

fn is_component(value: &Value) -> bool {
    value.get(MARK).and_then(Value::as_str) == Some(COMPONENT)
}

/// Why a digital twin cannot be changed so. Steps are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadEdit {
    #[error("step {at}: {path:.256?} is no path: these are /property, /component and /component/property")]
    Path { at: usize, path: String },
    #[error("step {at}: there is nothing wanted at {path:.256?} to be removed")]
    Missing { at: usize, path: String },
    #[error("step {at}: {path:.256?} is below a property, and not below a component")]
    BelowProperty { at: usize, path: String },
    #[error("step {at}: a value cannot be null; an operation `remove` is what it takes")]
    Null { at: usize },
}

/// What desired properties become by all steps of a change, as a merge patch.
pub(crate) fn patch(desired: &Object, edits: Vec<DigitalTwinEdit>) -> Result<Object, BadEdit> {
    let mut next = desired.clone();
    for (at, edit) in edits.into_iter().enumerate() {
        let (path, value) = match edit {
            DigitalTwinEdit::Add { value: Value::Null, .. }
            | DigitalTwinEdit::Replace { value: Value::Null, .. } => {
                return Err(BadEdit::Null { at });
            }
            DigitalTwinEdit::Add { path, value } | DigitalTwinEdit::Replace { path, value } => {
                (path, Some(value))
            }
            DigitalTwinEdit::Remove { path } => (path, None),
        };
        let names = names(&path).ok_or_else(|| BadEdit::Path { at, path: path.clone() })?;
        let (members, name) = match names {
            Names::Root(name) => (&mut next, name),
            Names::Below(component, name) => {
                let is_new = !next.contains_key(&component);
                let member = next.entry(component).or_insert_with(|| json!({MARK: COMPONENT}));
                match member.as_object_mut() {
                    Some(members) if is_new || members.contains_key(MARK) => (members, name),
                    Some(_) | None => return Err(BadEdit::BelowProperty { at, path }),
                }
            }
        };
        match value {
            Some(value) => drop(members.insert(name, component_or_property(value))),
            None if members.shift_remove(&name).is_some() => {}
            None => return Err(BadEdit::Missing { at, path }),
        }
    }
    Ok(between(desired, &next))
}

enum Names {
    Root(String),
    Below(String, String),
}

/// The names of a JSON pointer that has one or two.
fn names(path: &str) -> Option<Names> {
    let name = |text: &str| text.replace("~1", "/").replace("~0", "~");
    let good = |name: &String| !name.is_empty() && !name.starts_with('$') && name != MARK;
    let mut names = path.strip_prefix('/')?.split('/').map(name).filter(good);
    let found = match (path.matches('/').count(), names.next(), names.next()) {
        (1, Some(name), None) => Names::Root(name),
        (2, Some(component), Some(name)) => Names::Below(component, name),
        _ => return None,
    };
    Some(found)
}

/// A value with `$metadata` is a component.
fn component_or_property(value: Value) -> Value {
    let Some(members) = value.as_object().filter(|members| members.contains_key("$metadata")) else {
        return value;
    };
    let mut component = Object::new();
    component.insert(MARK.into(), COMPONENT.into());
    let own = members.iter().filter(|(name, _)| *name != "$metadata");
    component.extend(own.map(|(name, value)| (name.clone(), value.clone())));
    Value::Object(component)
}

/// The merge patch that makes one object of another.
fn between(before: &Object, after: &Object) -> Object {
    let mut patch = Object::new();
    for (name, value) in after {
        match (before.get(name), value) {
            (Some(before), after) if before == after => {}
            (Some(Value::Object(before)), Value::Object(after)) => {
                patch.insert(name.clone(), Value::Object(between(before, after)));
            }
            (_, after) => drop(patch.insert(name.clone(), after.clone())),
        }
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    patch.extend(gone.map(|name| (name.clone(), Value::Null)));
    patch
}
