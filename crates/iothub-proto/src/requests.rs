use iothub_codec::RequestId;

use crate::time::Instant;

/// Names an open request inside one session.
///
/// Made when the request is sent; the event that ends the request names it again, exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u32);

impl Ticket {
    /// What goes over the wire to find the way back to this ticket.
    pub(crate) fn request(self) -> RequestId<'static> {
        RequestId::from_u32(self.0)
    }
}

/// Requests that were sent and are not answered yet: one way in, one way out.
#[derive(Clone, Debug)]
pub(crate) struct Requests<T, const N: usize> {
    open: [Option<Open<T>>; N],
    next: u32,
    /// The last number that [`Self::number`] gave away.
    apart: u32,
}

#[derive(Clone, Copy, Debug)]
struct Open<T> {
    ticket: Ticket,
    what: T,
    deadline: Instant,
    /// Its connection is gone: it ends next, whatever its deadline.
    lost: bool,
}

impl<T: Copy, const N: usize> Requests<T, N> {
    pub(crate) const fn new() -> Self {
        Self::numbered_from(1)
    }

    /// With that number for the first request.
    pub(crate) const fn numbered_from(first: u32) -> Self {
        Self { open: [const { None }; N], next: first, apart: 0 }
    }

    /// `None` when all `N` places are taken.
    pub(crate) fn open(&mut self, what: T, deadline: Instant) -> Option<Ticket> {
        let ticket = self.free();
        let place = self.open.iter_mut().find(|place| place.is_none())?;
        self.next = ticket.0.wrapping_add(1);
        *place = Some(Open { ticket, what, deadline, lost: false });
        Some(ticket)
    }

    /// A number for one request that is remembered elsewhere; it is kept free until the next is given away.
    pub(crate) fn number(&mut self) -> Ticket {
        let ticket = self.free();
        self.next = ticket.0.wrapping_add(1);
        self.apart = ticket.0;
        ticket
    }

    /// `None` for an answer to nothing that was asked, or asked too long ago.
    pub(crate) fn close(&mut self, id: RequestId<'_>) -> Option<(Ticket, T)> {
        let number = id.as_u32()?;
        self.take(|open| open.ticket.0 == number)
    }

    /// Gives up on a request that nobody waits for any longer.
    pub(crate) fn forget(&mut self, ticket: Ticket) -> Option<T> {
        self.take(|open| open.ticket == ticket).map(|(_, what)| what)
    }

    /// One request whose deadline has passed.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<(Ticket, T)> {
        self.take(|open| open.deadline <= now)
    }

    /// The connection is gone, and with it the way of every answer.
    pub(crate) fn lose_all(&mut self) {
        for open in self.open.iter_mut().flatten() {
            open.lost = true;
        }
    }

    /// One request that [`Self::lose_all`] has met.
    pub(crate) fn take_lost(&mut self) -> Option<(Ticket, T)> {
        self.take(|open| open.lost)
    }

    pub(crate) fn any_lost(&self) -> bool {
        self.open.iter().flatten().any(|open| open.lost)
    }

    /// The earliest deadline.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.open.iter().flatten().map(|open| open.deadline).min()
    }

    /// The next number in nobody's use.
    fn free(&self) -> Ticket {
        // After the numbers have gone round, one of them may still be open. At most N + 1 steps.
        let mut number = self.next;
        while number == self.apart || self.open.iter().flatten().any(|open| open.ticket.0 == number) {
            number = number.wrapping_add(1);
        }
        Ticket(number)
    }

    fn take(&mut self, which: impl Fn(&Open<T>) -> bool) -> Option<(Ticket, T)> {
        let place = self.open.iter_mut().find(|place| place.as_ref().is_some_and(&which))?;
        place.take().map(|open| (open.ticket, open.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Instant = Instant::from_millis(10);

    #[test]
    fn an_answer_closes_its_request_once() {
        let mut requests = Requests::<char, 2>::new();
        let a = requests.open('a', SOON).unwrap();
        let b = requests.open('b', SOON).unwrap();
        assert_eq!(requests.open('c', SOON), None, "two places, both taken");
        assert_eq!(requests.close(b.request()), Some((b, 'b')));
        assert_eq!(requests.close(b.request()), None, "the second answer is nothing");
        assert_eq!(requests.close(a.request()), Some((a, 'a')));
        assert_eq!(requests.close(RequestId::new(b"not ours").unwrap()), None);
    }

    #[test]
    fn numbers_go_round_past_those_that_are_open() {
        let mut requests = Requests::<char, 3>::new();
        let a = requests.open('a', SOON).unwrap();
        requests.next = u32::MAX;
        let b = requests.open('b', SOON).unwrap();
        let c = requests.open('c', SOON).unwrap();
        assert_eq!((b, c), (Ticket(u32::MAX), Ticket(2)), "0 is kept free, and the first is still open");
        requests.forget(b);
        let d = requests.open('d', SOON).unwrap();
        assert_eq!(d, Ticket(3));
        assert_eq!(requests.close(a.request()), Some((a, 'a')));
    }

    #[test]
    fn a_number_that_was_given_away_is_no_ticket_of_a_request() {
        let mut requests = Requests::<char, 2>::new();
        let apart = requests.number();
        requests.next = apart.0;
        let open = requests.open('a', SOON).unwrap();
        assert_ne!(open, apart);
        assert_eq!(requests.close(apart.request()), None);
        requests.next = apart.0;
        assert!(![apart, open].contains(&requests.number()));
    }

    #[test]
    fn deadlines_pass_and_late_answers_are_nothing() {
        let mut requests = Requests::<char, 2>::new();
        let a = requests.open('a', SOON).unwrap();
        assert_eq!(requests.deadline(), Some(SOON));
        assert_eq!(requests.expire(Instant::from_millis(9)), None);
        assert_eq!(requests.expire(SOON), Some((a, 'a')));
        assert_eq!(requests.close(a.request()), None);
        assert_eq!(requests.deadline(), None);
    }
}
