/// What is to be done with files for an import or export. One at a time: the next comes when the hub was told what came of
/// the one before, by [`Input::Transferred`](crate::Input::Transferred); [`Self::Abandon`] may come at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferStep {
    /// Open the file to be read, if there is one, and begin the one to be written.
    Begin {
        /// What an import reads.
        from: Option<TransferPlace>,
        /// What is written: nobody sees it before [`Self::Finish`].
        to: TransferPlace,
        /// What was done with both already, by a hub that has ended since.
        resumed: Option<TransferResumed>,
    },
    /// Write that behind what was written. If something is read, it is to be on disk before [`Transferred::Written`] says so.
    Write {
        /// Whole lines.
        lines: Vec<u8>,
    },
    /// Read the next lines: a few hundred, and not much more than half a megabyte.
    Read,
    /// Have what was written take its name.
    Finish,
    /// Leave everything as it was before.
    Abandon,
}

/// Where an import goes on. What is written behind that place is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferResumed {
    /// Bytes that were read.
    pub read: u64,
    /// Bytes of the whole file that is read. One of another length is another file, with which it cannot go on.
    pub len: u64,
    /// Bytes that were written.
    pub written: u64,
}

/// Names a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferPlace {
    /// The folder, as whoever asked named it: a `file:` URI, or a name below the folder that the operator allows.
    pub container: String,
    /// The file in it: a name without a folder.
    pub name: String,
}

/// What came of a [`TransferStep`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transferred {
    /// Files are open.
    Begun {
        /// The length of what is to be read, in bytes; 0 if there is nothing to be read.
        len: u64,
    },
    /// It is written.
    Written,
    /// These were read.
    Lines {
        /// Whole lines, but for the last of the file, which may lack its end.
        lines: Vec<u8>,
        /// There are no more.
        is_last: bool,
    },
    /// What was written has its name.
    Finished,
    /// It cannot be done, and nothing is left of it.
    Failed {
        /// Why.
        why: String,
    },
}
