//! Where a message stands in a distributed trace: W3C Trace Context.

use core::fmt;

/// Where something stands in a distributed trace, as the W3C's recommendation "Trace Context" has it.
///
/// Made by whoever traces, or read from the properties [`traceparent`](crate::SystemProperty::TraceParent) and
/// [`tracestate`](crate::SystemProperty::TraceState) of a message.
///
/// ```
/// use iothub_codec::TraceContext;
///
/// let context = TraceContext::read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Some("vendor=a1"))?;
/// assert!(context.parent.is_sampled());
/// assert_eq!(context.state.unwrap().as_str(), "vendor=a1");
/// # Ok::<(), iothub_codec::BadTraceParent>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext<'a> {
    /// The trace, and the span in it that this came from.
    pub parent: TraceParent,
    /// What tracing systems say besides.
    pub state: Option<TraceState<'a>>,
}

impl<'a> TraceContext<'a> {
    /// Reads both. A state that is none is left out, as the recommendation wants it.
    ///
    /// # Errors
    ///
    /// [`BadTraceParent`]: then there is no trace, whatever the state says.
    pub fn read(traceparent: &str, tracestate: Option<&'a str>) -> Result<Self, BadTraceParent> {
        let state = tracestate.and_then(|text| TraceState::new(text).ok());
        Ok(Self { parent: TraceParent::read(traceparent)?, state })
    }
}

impl From<TraceParent> for TraceContext<'_> {
    fn from(parent: TraceParent) -> Self {
        Self { parent, state: None }
    }
}

/// A trace, and a span in it: the value of `traceparent`, which is what it shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

impl TraceParent {
    /// How long the text of one is, in bytes.
    pub const LEN: usize = 55;
    /// The flag that says that the trace is recorded.
    const SAMPLED: u8 = 1;

    /// The span of that id in the trace of that id. `None` when one of them is all zeros, which no id is.
    pub fn new(trace_id: [u8; 16], span_id: [u8; 8], sampling: Sampling) -> Option<Self> {
        let flags = match sampling {
            Sampling::Recorded => Self::SAMPLED,
            Sampling::NotRecorded => 0,
        };
        let is_one = trace_id != [0; 16] && span_id != [0; 8];
        is_one.then_some(Self { trace_id, span_id, flags })
    }

    /// Reads what this shows, and what later versions of the recommendation may have put behind it.
    ///
    /// # Errors
    ///
    /// [`BadTraceParent`].
    pub fn read(text: &str) -> Result<Self, BadTraceParent> {
        let bytes = text.as_bytes();
        let mut at = 0;
        let [version] = hex(bytes, &mut at)?;
        dash(bytes, &mut at)?;
        let trace_id = hex(bytes, &mut at)?;
        dash(bytes, &mut at)?;
        let span_id = hex(bytes, &mut at)?;
        dash(bytes, &mut at)?;
        let [flags] = hex(bytes, &mut at)?;
        match (version, bytes.get(at)) {
            (0xFF, _) => return Err(BadTraceParent { at: 0 }),
            (_, None) => {}
            (1.., Some(b'-')) => {}
            (_, Some(_)) => return Err(BadTraceParent { at }),
        }
        // What further flags mean is for the version that has them.
        let sampling = if flags & Self::SAMPLED == 0 { Sampling::NotRecorded } else { Sampling::Recorded };
        let zeros = if trace_id == [0; 16] { 3 } else { 36 };
        Self::new(trace_id, span_id, sampling).ok_or(BadTraceParent { at: zeros })
    }

    /// The trace.
    pub const fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The span that this came from.
    pub const fn span_id(&self) -> [u8; 8] {
        self.span_id
    }

    /// Whether the trace is recorded.
    pub const fn is_sampled(&self) -> bool {
        self.flags & Self::SAMPLED != 0
    }
}

/// Whether a trace is recorded by whoever has begun it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// It is.
    Recorded,
    /// It is not, or perhaps not.
    NotRecorded,
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        self.trace_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-")?;
        self.span_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, "-{:02x}", self.flags)
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceParent({self})")
    }
}

/// Not the place of anything in a trace, from byte `at` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no traceparent from byte {at} on")]
pub struct BadTraceParent {
    /// Where it is wrong.
    pub at: usize,
}

/// What tracing systems say of a trace: the value of `tracestate`, known to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceState<'a>(&'a str);

impl<'a> TraceState<'a> {
    /// Most members that one has.
    pub const MEMBERS_MAX: usize = 32;
    /// Longest key and longest value of a member, in bytes.
    pub const PART_LEN_MAX: usize = 256;

    /// Accepts members as `key=value` with commas between them: at most [`Self::MEMBERS_MAX`], each key once.
    ///
    /// # Errors
    ///
    /// [`BadTraceState`] says which member is wrong.
    pub fn new(text: &'a str) -> Result<Self, BadTraceState> {
        for (number, member) in members(text).enumerate() {
            let is_new = |key| members(text).take(number).all(|before| key_of(before) != Some(key));
            let is_good = key_of(member).is_some_and(|key| is_key(key) && is_new(key)) && is_value(member);
            // Members may be empty, and count all the same.
            if number == Self::MEMBERS_MAX || !(member.is_empty() || is_good) {
                return Err(BadTraceState { member: number });
            }
        }
        Ok(Self(text))
    }

    /// As it is written.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The value of the member of that key.
    pub fn get(self, key: &str) -> Option<&'a str> {
        members(self.0).find(|member| key_of(member) == Some(key)).and_then(value_of)
    }
}

/// No state of a trace, from that member on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no tracestate from member {member} on")]
pub struct BadTraceState {
    /// Counted from 0.
    pub member: usize,
}

fn members(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(|member| member.trim_matches([' ', '\t']))
}

fn key_of(member: &str) -> Option<&str> {
    member.split_once('=').map(|(key, _)| key)
}

fn value_of(member: &str) -> Option<&str> {
    member.split_once('=').map(|(_, value)| value)
}

fn is_key(key: &str) -> bool {
    let begins = key.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let goes_on = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    begins && key.len() <= TraceState::PART_LEN_MAX && key.bytes().all(goes_on)
}

fn is_value(member: &str) -> bool {
    let is_good = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'=';
    value_of(member).is_some_and(|value| {
        !value.is_empty() && value.len() <= TraceState::PART_LEN_MAX && value.bytes().all(is_good)
    })
}

/// That many bytes as lower-case hexadecimal digits.
fn hex<const N: usize>(text: &[u8], at: &mut usize) -> Result<[u8; N], BadTraceParent> {
    let mut bytes = [0; N];
    for byte in &mut bytes {
        *byte = (digit(text, at)? << 4) | digit(text, at)?;
    }
    Ok(bytes)
}

fn digit(text: &[u8], at: &mut usize) -> Result<u8, BadTraceParent> {
    let value = match text.get(*at) {
        Some(digit @ b'0'..=b'9') => digit - b'0',
        Some(digit @ b'a'..=b'f') => digit - b'a' + 10,
        Some(_) | None => return Err(BadTraceParent { at: *at }),
    };
    *at += 1;
    Ok(value)
}

fn dash(text: &[u8], at: &mut usize) -> Result<(), BadTraceParent> {
    if text.get(*at) != Some(&b'-') {
        return Err(BadTraceParent { at: *at });
    }
    *at += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;
    use std::string::{String, ToString};
    use std::vec::Vec;

    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_a_traceparent_and_from_where_on_it_is_none() {
        for (marked, is_sampled) in [
            (GOOD, Ok(true)),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", Ok(false)),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fe", Ok(false)),
            // A later version may say more, behind a dash.
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-will-be", Ok(true)),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Ok(true)),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01‸.", Err(())),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01‸-", Err(())),
            ("‸ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Err(())),
            ("00-‸00000000000000000000000000000000-b7ad6b7169203331-01", Err(())),
            ("00-0af7651916cd43dd8448eb211c80319c-‸0000000000000000-01", Err(())),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333‸G-01", Err(())),
            ("00-0‸AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", Err(())),
            ("00‸_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Err(())),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0‸", Err(())),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331‸", Err(())),
            ("‸", Err(())),
            ("‸ä", Err(())),
        ] {
            let at = marked.find('‸').unwrap_or_default();
            let read = TraceParent::read(&marked.replace('‸', ""));
            let expected = is_sampled.map_err(|()| BadTraceParent { at });
            assert_eq!(read.map(|parent| parent.is_sampled()), expected, "{marked}");
        }
    }

    #[test]
    fn what_is_shown_is_read_as_the_same() {
        let parent = TraceParent::read(GOOD).unwrap();
        assert_eq!((parent.to_string().as_str(), GOOD.len()), (GOOD, TraceParent::LEN));
        assert_eq!(TraceParent::new(parent.trace_id(), parent.span_id(), Sampling::Recorded), Some(parent));
        for (trace_id, span_id) in [([0; 16], [1; 8]), ([1; 16], [0; 8])] {
            assert_eq!(TraceParent::new(trace_id, span_id, Sampling::Recorded), None);
        }
    }

    #[test]
    fn what_is_a_tracestate_and_which_member_is_none() {
        let many: Vec<String> = (0..33).map(|number| format!("k{number}=v")).collect();
        let long = "v".repeat(257);
        for (text, bad) in [
            ("vendor=a1", None),
            ("a=1,b=2 \t, c=3,,t@v=x", None),
            ("1a_-*/=!\"~", None),
            ("", None),
            (&many[..32].join(","), None),
            (&many.join(","), Some(32)),
            (&format!("k={}", &long[1..]), None),
            (&format!("k={long}"), Some(0)),
            (&format!("a=1,{long}=1"), Some(1)),
            ("a=1,a=2", Some(1)),
            ("a=1,b", Some(1)),
            ("a=", Some(0)),
            ("=1", Some(0)),
            ("A=1", Some(0)),
            ("_a=1", Some(0)),
            ("a=1=2", Some(0)),
            ("a=ä", Some(0)),
            ("a=1,b=\u{7f}", Some(1)),
        ] {
            let state = TraceState::new(text);
            assert_eq!(state.err().map(|error| error.member), bad, "{text}");
        }
        let state = TraceState::new("a=1, t@v=x").unwrap();
        assert_eq!((state.get("t@v"), state.get("t")), (Some("x"), None));
    }

    #[test]
    fn a_state_that_is_none_is_left_out_and_without_a_parent_there_is_no_trace() {
        for (parent, state, expected) in [
            (GOOD, None, Some(None)),
            (GOOD, Some("a=1"), Some(Some("a=1"))),
            (GOOD, Some("a=1,a=2"), Some(None)),
            ("00", Some("a=1"), None),
        ] {
            let context = TraceContext::read(parent, state).ok();
            let state = context.map(|context| context.state.map(TraceState::as_str));
            assert_eq!(state, expected, "{parent}");
        }
    }
}
