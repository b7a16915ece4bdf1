//! The lists of parts that clients send and ask for, which are XML.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use iothub_hub::{BlobProblem, BlobRefusal};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::store::{BlockId, Store};

/// Where a part is to be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Among {
    /// In the file that is replaced.
    Committed,
    /// In what was sent since.
    Uncommitted,
    /// In what was sent since, and then in the file.
    Latest,
}

/// What a client wants a file to be made of.
pub(crate) fn read(body: &[u8]) -> Result<Vec<(Among, BlockId)>, BlobRefusal> {
    let bad = |why: &str| BlobRefusal::new(BlobProblem::InvalidXmlDocument, why);
    let mut reader = Reader::from_reader(body);
    let mut list = Vec::new();
    let mut within: Vec<String> = Vec::new();
    let mut text = String::new();
    loop {
        let event = reader.read_event().map_err(|error| bad(&format!("not XML: {error}")))?;
        match event {
            Event::Start(start) => {
                within.push(start.name().as_ref().to_owned());
                text.clear();
                let depth_or_root = within.len() > 2 || within[0] != "BlockList";
                if depth_or_root {
                    return Err(bad("not a list of parts"));
                }
            }
            Event::Text(piece) => {
                text.push_str(&piece);
            }
            Event::End(_) => {
                let Some(name) = within.pop() else { return Err(bad("an end without a beginning")) };
                if within.is_empty() {
                    return Ok(list);
                }
                let among = match name.as_str() {
                    "Committed" => Among::Committed,
                    "Uncommitted" => Among::Uncommitted,
                    "Latest" => Among::Latest,
                    _ => return Err(bad("a part must be Committed, Uncommitted or Latest")),
                };
                if list.len() == Store::PARTS_MAX {
                    let why = format!("a file has at most {} parts here", Store::PARTS_MAX);
                    return Err(BlobRefusal::new(BlobProblem::BlockCountExceedsLimit, why));
                }
                list.push((among, block_id(text.trim())?));
            }
            // `<BlockList />`
            Event::Empty(empty) if within.is_empty() && empty.name().as_ref() == "BlockList" => {
                return Ok(list);
            }
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof => return Err(bad("it ends too early")),
            Event::Empty(_) | Event::CData(_) | Event::PI(_) | Event::DocType(_) | Event::GeneralRef(_) => {
                return Err(bad("not a list of parts"));
            }
        }
    }
}

/// The name of a part, as an address or a list has it.
pub(crate) fn block_id(text: &str) -> Result<BlockId, BlobRefusal> {
    let id = STANDARD.decode(text).ok().filter(|id| (1..=BlockId::MAX).contains(&id.len()));
    let why = || BlobRefusal::new(BlobProblem::InvalidBlobOrBlock, "a block id is base64 of 1 to 64 bytes");
    id.map(BlockId).ok_or_else(why)
}

/// What a client is told that asks which parts there are.
pub(crate) fn write(committed: Option<&[(BlockId, u64)]>, uncommitted: Option<&[(BlockId, u64)]>) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    for (name, blocks) in [("CommittedBlocks", committed), ("UncommittedBlocks", uncommitted)] {
        let Some(blocks) = blocks else { continue };
        text.push_str(&format!("<{name}>"));
        for (id, len) in blocks {
            let id = STANDARD.encode(&id.0);
            text.push_str(&format!("<Block><Name>{id}</Name><Size>{len}</Size></Block>"));
        }
        text.push_str(&format!("</{name}>"));
    }
    text.push_str("</BlockList>");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_clients_write_them() {
        use Among::{Committed, Latest, Uncommitted};

        let id = |text: &str| BlockId(text.as_bytes().to_vec());
        for (text, expected) in [
            ("<BlockList></BlockList>", vec![]),
            ("<BlockList />", vec![]),
            (
                "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<BlockList><Latest>MQ==</Latest></BlockList>",
                vec![(Latest, id("1"))],
            ),
            (
                "<BlockList>\n  <Committed>MQ==</Committed>\n  <Uncommitted> Mg== </Uncommitted>\n</BlockList>\n",
                vec![(Committed, id("1")), (Uncommitted, id("2"))],
            ),
        ] {
            assert_eq!(read(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused_and_so_is_one_that_is_too_long() {
        use BlobProblem::{BlockCountExceedsLimit, InvalidBlobOrBlock, InvalidXmlDocument};

        let long = format!("<BlockList>{}</BlockList>", "<Latest>MQ==</Latest>".repeat(10_001));
        for (text, expected) in [
            ("", InvalidXmlDocument),
            ("{}", InvalidXmlDocument),
            ("<BlockList>", InvalidXmlDocument),
            ("<BlockList><Latest>MQ==</BlockList>", InvalidXmlDocument),
            ("<List><Latest>MQ==</Latest></List>", InvalidXmlDocument),
            ("<BlockList><Newest>MQ==</Newest></BlockList>", InvalidXmlDocument),
            ("<BlockList><Latest><a/></Latest></BlockList>", InvalidXmlDocument),
            (
                "<!DOCTYPE x [<!ENTITY e \"MQ==\">]><BlockList><Latest>&e;</Latest></BlockList>",
                InvalidXmlDocument,
            ),
            ("<BlockList><Latest></Latest></BlockList>", InvalidBlobOrBlock),
            ("<BlockList><Latest>../../x</Latest></BlockList>", InvalidBlobOrBlock),
            (&long, BlockCountExceedsLimit),
        ] {
            assert_eq!(read(text.as_bytes()).map_err(|refusal| refusal.problem), Err(expected), "{text:.80}");
        }
    }
}
