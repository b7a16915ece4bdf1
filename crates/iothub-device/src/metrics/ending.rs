/// How a direct method ended, for [`Metrics::method_ended`](crate::Metrics::method_ended).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MethodEnding {
    /// Answered with that code: by the application, or by the device for it.
    Answered {
        /// By custom one of HTTP's.
        code: i32,
    },
    /// Its handler took too long, and the caller was told so.
    Late,
    /// Not run, because too many calls were waiting.
    Busy,
    /// [Declined](crate::MethodCall::decline).
    Declined,
    /// The connection ended before the answer.
    Lost,
}

impl MethodEnding {
    /// A word for it, such as for a label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered { .. } => "answered",
            Self::Late => "late",
            Self::Busy => "busy",
            Self::Declined => "declined",
            Self::Lost => "lost",
        }
    }
}

/// What became of a command, for [`Metrics::command_ended`](crate::Metrics::command_ended).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandEnding {
    /// Dealt with.
    Completed,
    /// Given back, to be delivered again soon.
    Abandoned,
    /// Never to be delivered again.
    Rejected,
    /// Not taken, because too many were waiting: the hub delivers it again.
    Busy,
}

impl CommandEnding {
    /// A word for it, such as for a label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Abandoned => "abandoned",
            Self::Rejected => "rejected",
            Self::Busy => "busy",
        }
    }
}
