use serde_json::Value;

use crate::name::Name;

/// Where a property stands: `properties.reported.fw`, `$body.readings[0]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    pub(crate) root: Root,
    pub(crate) steps: Vec<Step>,
}

/// What a path begins with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Root {
    /// A name of the document's; of a message, an application property, or with `$` in front something of the hub's.
    Name(Name),
    /// A system property, `{$name}`, whatever the application calls its own. Has the name without `$`. Only routes
    /// say this.
    System(Name),
}

/// A step down from there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// To a member of an object.
    Name(Name),
    /// To an item of an array, from 0. Only routes say this.
    Index(u32),
}

impl Path {
    /// What stands at a root.
    pub const fn new(root: Root) -> Self {
        Self { root, steps: Vec::new() }
    }

    /// One step down from here.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// What it begins with.
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The steps down from its root.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Its last name: what a column is called that shows it.
    pub fn last_name(&self) -> &Name {
        let name = |step: &'_ Step| matches!(step, Step::Name(_));
        match (self.steps.iter().rev().find(|step| name(step)), &self.root) {
            (Some(Step::Name(name)), _) | (_, Root::Name(name) | Root::System(name)) => name,
        }
    }

    /// What stands at the end of these steps down from `value`: none if one of them leads nowhere.
    pub fn descend<'v>(steps: &[Step], value: &'v Value) -> Option<&'v Value> {
        steps.iter().try_fold(value, |value, step| match step {
            Step::Name(name) => value.as_object()?.get(name.as_str()),
            Step::Index(at) => value.as_array()?.get(usize::try_from(*at).ok()?),
        })
    }
}

impl From<Name> for Path {
    fn from(root: Name) -> Self {
        Self::new(Root::Name(root))
    }
}
