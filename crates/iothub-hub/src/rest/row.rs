use iothub_model::{Object, Section};
use iothub_query::{Datum, Document, Path, Root, Source, Step};
use serde_json::Value;

use crate::configurations;
use crate::registry::{Entry, Key};
use crate::rest::identities::{connection_state, twin, written_twin};

/// A twin as queries see it, answered from where the registry has it.
pub(crate) struct Row<'r> {
    pub(crate) key: &'r Key,
    pub(crate) entry: &'r Entry,
}

impl Source for Row<'_> {
    fn resolve(&self, path: &Path) -> Datum<'_> {
        let Root::Name(root) = path.root() else { return Datum::Undefined };
        let twin = &self.entry.twin;
        match (root.as_str(), path.steps()) {
            ("deviceId", []) => Datum::from(self.key.device.as_str()),
            ("moduleId", []) => self.key.module.as_deref().map_or(Datum::Undefined, Datum::from),
            ("status", []) => Datum::from(self.entry.record.status.as_str()),
            ("connectionState", []) => Datum::from(connection_state(self.entry).as_str()),
            ("configurations", steps) => self.configuration(steps),
            ("modelId", []) => Datum::from(self.entry.presence.model_id.as_str()),
            ("version", []) => Datum::Number(twin.version().into()),
            ("tags", [step, steps @ ..]) => member(twin.tags().as_object(), step, steps),
            ("properties", [Step::Name(name), step, steps @ ..]) => match name.as_str() {
                "desired" => self.property(twin.desired(), path, (step, steps)),
                "reported" => self.property(twin.reported(), path, (step, steps)),
                _ => Datum::Undefined,
            },
            _ => self.looked_up(path),
        }
    }
}

impl Document for Row<'_> {
    fn document(&self) -> Value {
        serde_json::to_value(twin(self.key, self.entry)).expect("twins have text for keys, all that can fail")
    }
}

impl Row<'_> {
    /// All of it as JSON.
    pub(crate) fn written(&self) -> Vec<u8> {
        serde_json::to_vec(&written_twin(self.key, self.entry))
            .expect("twins have text for keys, all that can fail")
    }

    fn property<'s>(
        &'s self,
        section: &'s Section,
        path: &Path,
        (step, steps): (&Step, &[Step]),
    ) -> Datum<'s> {
        match (step, steps) {
            (Step::Name(name), []) if name.as_str() == "$version" => Datum::Number(section.version().into()),
            (Step::Name(name), _) if name.as_str() == "$metadata" => self.looked_up(path),
            _ => member(section.properties(), step, steps),
        }
    }

    /// Mostly the status of one is asked for.
    fn configuration(&self, steps: &[Step]) -> Datum<'_> {
        let Some(assigned) = self.entry.assigned.as_deref() else { return Datum::Undefined };
        if let [Step::Name(id), Step::Name(status)] = steps
            && status.as_str() == "status"
        {
            let assignment = assigned.get(id.as_str());
            return assignment.map_or(Datum::Undefined, |assignment| Datum::from(assignment.status.as_str()));
        }
        let document = Value::Object(configurations::document(assigned));
        Path::descend(steps, &document).cloned().map_or(Datum::Undefined, Datum::from)
    }

    /// What is asked for rarely is looked up in the whole document.
    fn looked_up(&self, path: &Path) -> Datum<'_> {
        match self.document().resolve(path).into_value() {
            Some(value) => Datum::from(value),
            None => Datum::Undefined,
        }
    }
}

fn member<'s>(members: &'s Object, step: &Step, steps: &[Step]) -> Datum<'s> {
    let Step::Name(name) = step else { return Datum::Undefined };
    let found = members.get(name.as_str()).and_then(|value| Path::descend(steps, value));
    found.map_or(Datum::Undefined, Datum::from)
}
