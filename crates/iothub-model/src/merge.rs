use serde_json::Value;

use crate::Object;

/// Changes `target` by a merge patch (RFC 7396).
///
/// A member of `patch` that is `null` removes the member of that name, whether there is one or not; an
/// object is merged into the object of that name; anything else takes the place of what was there.
/// Members that `patch` does not mention stay, in their order.
pub fn merge(target: &mut Object, patch: &Object) {
    for (name, change) in patch {
        match change {
            Value::Null => {
                target.shift_remove(name);
            }
            Value::Object(change) => merge(member_object(target, name), change),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                target.insert(name.clone(), change.clone());
            }
        }
    }
}

/// The object called `name`; an empty one in the place of anything else.
fn member_object<'t>(target: &'t mut Object, name: &str) -> &'t mut Object {
    let member = target.entry(name).or_insert(Value::Null);
    if !member.is_object() {
        *member = Value::Object(Object::new());
    }
    member.as_object_mut().expect("it was made an object if it was none")
}
