use tokio::sync::broadcast;

/// Who is told of something, each of all of it. It takes no memory while nobody listens, as most devices are not
/// listened to.
#[derive(Debug)]
pub(crate) struct Listeners<T> {
    /// How much waits for each, until the oldest is dropped.
    waiting_max: usize,
    told: Told<T>,
}

#[derive(Debug)]
enum Told<T> {
    Nobody,
    Some(broadcast::Sender<T>),
    /// There is nothing more to tell.
    All,
}

impl<T: Clone> Listeners<T> {
    pub(crate) fn new(waiting_max: usize) -> Self {
        Self { waiting_max: waiting_max.max(1), told: Told::Nobody }
    }

    pub(crate) fn tell(&mut self, what: T) {
        match &self.told {
            // Nobody may be listening any longer.
            Told::Some(sender) => drop(sender.send(what)),
            Told::Nobody | Told::All => {}
        }
    }

    /// Hears everything from now on; `None` once there is nothing more to tell.
    pub(crate) fn listen(&mut self) -> Option<broadcast::Receiver<T>> {
        match &self.told {
            Told::Some(sender) => Some(sender.subscribe()),
            Told::All => None,
            Told::Nobody => {
                let (sender, receiver) = broadcast::channel(self.waiting_max);
                self.told = Told::Some(sender);
                Some(receiver)
            }
        }
    }

    /// There is nothing more to tell. What was told is heard all the same.
    pub(crate) fn close(&mut self) {
        self.told = Told::All;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_hears_all_from_when_it_listens_to_the_end() {
        let mut listeners = Listeners::new(4);
        listeners.tell(1);
        let mut first = listeners.listen().unwrap();
        listeners.tell(2);
        let mut second = listeners.listen().unwrap();
        listeners.tell(3);
        listeners.close();
        listeners.tell(4);
        assert!(listeners.listen().is_none());
        assert_eq!((first.recv().await, first.recv().await), (Ok(2), Ok(3)));
        assert_eq!(second.recv().await, Ok(3));
        assert!(first.recv().await.is_err() && second.recv().await.is_err());
    }
}
