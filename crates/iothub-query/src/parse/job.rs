//! What queries about jobs may say in more than one way.

use crate::expression::Literal;
use crate::path::{Path, Root, Step};

/// Takes `devices.jobs.` away from the front of a path, with which it may be written or without.
pub(super) fn without_prefix(path: &mut Path) {
    let Root::Name(root) = &path.root else { return };
    let (Some(Step::Name(first)), Some(Step::Name(column))) = (path.steps.first(), path.steps.get(1)) else {
        return;
    };
    if root.as_str().eq_ignore_ascii_case("devices") && first.as_str().eq_ignore_ascii_case("jobs") {
        path.root = Root::Name(column.clone());
        path.steps.drain(..2);
    }
}

/// Spells a type or a status of a job as documents do. The published references spell some of them in several ways.
pub(super) fn use_words(path: &Path, constant: &mut Literal) {
    let (Root::Name(column), [], Literal::Text(word)) = (&path.root, path.steps.as_slice(), constant) else {
        return;
    };
    let words = match column.as_str() {
        "jobType" => TYPES,
        "status" => STATUSES,
        _ => return,
    };
    if let Some((_, known)) = words.iter().find(|(spelling, _)| word.eq_ignore_ascii_case(spelling)) {
        *word = (*known).to_owned();
    }
}

const TYPES: &[(&str, &str)] = &[
    ("scheduleUpdateTwin", "scheduleUpdateTwin"),
    ("scheduleTwinUpdate", "scheduleUpdateTwin"),
    ("scheduledUpdateTwin", "scheduleUpdateTwin"),
    ("scheduleDeviceMethod", "scheduleDeviceMethod"),
];

const STATUSES: &[(&str, &str)] = &[
    ("pending", "pending"),
    ("scheduled", "scheduled"),
    ("running", "running"),
    ("completed", "completed"),
    ("failed", "failed"),
    ("canceled", "canceled"),
    ("cancelled", "canceled"),
];
