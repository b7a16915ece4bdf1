use serde_json::Value;

use crate::Object;

/// Makes of two merge patches one: `patch` then does what it and `next` behind it would have done.
///
/// # Errors
///
/// [`NotOnePatch`]. `patch` is what it was.
pub fn compose(patch: &mut Object, next: &Object) -> Result<(), NotOnePatch> {
    if !can_compose(patch, next) {
        return Err(NotOnePatch);
    }
    append(patch, next);
    Ok(())
}

/// Two merge patches of which no one patch does the same: the first removes a member or sets it to a value that is no
/// object, and the second merges an object into it. One patch would keep what was in there before both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an object is merged into what an earlier patch has taken away")]
pub struct NotOnePatch;

fn can_compose(patch: &Object, next: &Object) -> bool {
    next.iter().all(|(name, change)| match (patch.get(name), change) {
        (Some(Value::Object(before)), Value::Object(change)) => can_compose(before, change),
        (Some(_), Value::Object(_)) => false,
        (None, _) | (Some(_), _) => true,
    })
}

fn append(patch: &mut Object, next: &Object) {
    for (name, change) in next {
        match (patch.get_mut(name), change) {
            (Some(Value::Object(before)), Value::Object(change)) => append(before, change),
            (None | Some(_), _) => drop(patch.insert(name.clone(), change.clone())),
        }
    }
}
