use core::fmt;

use crate::comparison::agrees;
use crate::conversation::{Actor, Conversation, Deed};
use crate::names::Names;

/// The names of all players.
pub const NAMES: [&str; 5] = ["device", "session", "hub", "server", "websocket"];

/// Somebody who can hold one end of a conversation, or a part of it.
pub(crate) trait Player {
    /// What part of it a line is.
    fn part(&self, actor: Actor, deed: &Deed) -> Part;

    /// Has the other end do that. Names in it are filled.
    fn act(&mut self, actor: Actor, deed: &Deed) -> Result<(), Trouble>;

    /// What that actor has done next, when it is to be `wanted`.
    fn next(&mut self, actor: Actor, wanted: &Deed) -> Result<Option<Deed>, Trouble>;

    /// At the end: something that has happened and that [`Self::next`] has not given.
    fn finish(&mut self) -> Result<Option<(Actor, Deed)>, Trouble>;
}

/// What a line of a conversation is to a player.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It is done to the one that is tried.
    Acts,
    /// It must be seen to happen.
    Watched,
    /// It happens elsewhere.
    Elsewhere,
}

/// What keeps a player from going on, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble(pub(crate) String);

impl Trouble {
    pub(crate) fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

/// Where a conversation and what happened part ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The line of the file.
    pub line: usize,
    /// What it says.
    pub wanted: String,
    /// What happened instead.
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, wanted, got } = self;
        writeln!(f, "line {line}")?;
        wanted.lines().try_for_each(|each| writeln!(f, "  - {each}"))?;
        got.lines().try_for_each(|each| writeln!(f, "  + {each}"))
    }
}

/// Plays a conversation to its end, or to the first difference.
pub(crate) fn play(conversation: &Conversation, player: &mut dyn Player) -> Result<(), Difference> {
    let mut names = Names::default();
    let mut last = 0;
    for step in &conversation.steps {
        let (actor, deed) = (step.actor, &step.deed);
        last = step.line;
        let differs = |got: String| Difference { line: step.line, wanted: said(actor, deed), got };
        match player.part(actor, deed) {
            Part::Elsewhere => {}
            Part::Acts => {
                player.act(actor, &filled(deed, &mut names)).map_err(|trouble| differs(trouble.0))?;
            }
            Part::Watched => {
                let wanted = filled_where_known(deed, &names);
                let got = player.next(actor, &wanted).map_err(|trouble| differs(trouble.0))?;
                let got = got.ok_or_else(|| differs("nothing".to_owned()))?;
                if !agrees(actor, deed, &got, &mut names) {
                    return Err(differs(said(actor, &got)));
                }
            }
        }
    }
    let differs = |got: String| Difference { line: last, wanted: "the end".to_owned(), got };
    match player.finish().map_err(|trouble| differs(trouble.0))? {
        None => Ok(()),
        Some((who, what)) => Err(differs(said(who, &what))),
    }
}

fn said(actor: Actor, deed: &Deed) -> String {
    format!("{:8}{deed}", actor.name())
}

fn filled(deed: &Deed, names: &mut Names) -> Deed {
    Deed {
        verb: deed.verb.clone(),
        words: deed.words.iter().map(|word| names.fill(word)).collect(),
        payload: deed.payload.clone(),
        fields: deed.fields.iter().map(|(name, value)| (name.clone(), names.fill(value))).collect(),
    }
}

/// The same for what is only expected: who chooses a name is somebody else.
fn filled_where_known(deed: &Deed, names: &Names) -> Deed {
    filled(deed, &mut names.clone())
}
