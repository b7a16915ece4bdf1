//! Inputs with a mark where the trouble begins.

use core::fmt;

use iothub_codec::{DecodeError, DecodeErrorKind, Place};

const MARK: char = '‸';

/// Has the input read without its mark, and expects that to fail there, for that reason.
pub(crate) fn refused<T: fmt::Debug>(
    marked: &str,
    kind: DecodeErrorKind,
    place: fn(usize) -> Place,
    read: impl FnOnce(&str) -> Result<T, DecodeError>,
) {
    let (input, at) = unmark(marked);
    match read(&input) {
        Err(error) => assert_eq!(error, DecodeError { place: place(at), kind }, "{marked}"),
        Ok(read) => panic!("{marked} was read: {read:?}"),
    }
}

/// The input without its mark, and the byte at which that stood.
fn unmark(marked: &str) -> (String, usize) {
    let at = marked.find(MARK).expect("there is a mark");
    let input = marked.replacen(MARK, "", 1);
    assert!(!input.contains(MARK), "one mark is enough: {marked}");
    (input, at)
}
