/// Bytes that arrive in any pieces and leave as lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    arrived: Vec<u8>,
    /// Where in `arrived` the next line begins, and up to where no end of it has been found.
    begin: usize,
    searched: usize,
}

impl Lines {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.arrived.drain(..self.begin);
        self.searched -= self.begin;
        self.begin = 0;
        self.arrived.extend_from_slice(bytes);
    }

    /// The next whole line that is not blank; blank ones keep a quiet connection alive.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        while let Some(at) = self.arrived[self.searched..].iter().position(|&b| b == b'\n') {
            let end = self.searched + at;
            let line = self.arrived[self.begin..end].trim_ascii().to_vec();
            self.begin = end + 1;
            self.searched = self.begin;
            if !line.is_empty() {
                return Some(line);
            }
        }
        self.searched = self.arrived.len();
        None
    }

    /// How long the line is whose end has not come yet.
    pub(crate) fn unfinished(&self) -> usize {
        self.arrived.len() - self.begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_in_whatever_pieces_they_arrive() {
        let stream = b"{\"a\":1}\n\n \r\n{\"b\":2}\r\n{\"c\":3}\n{\"d\"";
        for size in 1..=stream.len() {
            let mut lines = Lines::default();
            let mut read = Vec::new();
            for piece in stream.chunks(size) {
                lines.push(piece);
                while let Some(line) = lines.next() {
                    read.push(String::from_utf8(line).expect("the stream is text"));
                }
            }
            assert_eq!(read, [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#], "in pieces of {size}");
            assert_eq!(lines.unfinished(), 4, "in pieces of {size}");
        }
    }

    #[test]
    fn what_has_left_is_forgotten() {
        let mut lines = Lines::default();
        for _ in 0..1000 {
            lines.push(b"0123456789\n");
            assert!(lines.next().is_some());
        }
        assert_eq!(lines.unfinished(), 0);
        assert!(lines.arrived.len() <= 11, "{}", lines.arrived.len());
    }
}
