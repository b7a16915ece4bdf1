/// Where more messages wait than have room in the window of unacknowledged ones, a quarter of it has to be free.
const PART: u16 = 4;
/// So much room is enough in any window: a write costs little to each of so many messages.
const TOGETHER_MAX: u16 = 16;

/// Whether the messages that wait go out now, as far as there is room for them in a window.
///
/// Acknowledgements come one at a time. If each let one message out as soon as it came, every message would cost a write of
/// its own, however many wait. So where more wait than there is room for, they go when there is room for several; the
/// others are on their way meanwhile, and what comes back of them makes it.
pub(crate) fn opens(window: u16, room: u16, waiting: impl FnOnce() -> usize) -> bool {
    room >= (window / PART).clamp(1, TOGETHER_MAX) || usize::from(room) >= waiting()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_more_wait_than_have_room_it_opens_when_a_part_of_it_is_free() {
        for (window, part) in
            [(1, 1), (2, 1), (7, 1), (8, 2), (16, 4), (19, 4), (64, 16), (100, 16), (256, 16)]
        {
            for room in 0..=window {
                assert_eq!(opens(window, room, || 1_000), room >= part, "{room} of {window}");
                assert!(opens(window, room, || room.into()), "{room} of {window}: all that wait have room");
            }
        }
    }
}
