use std::collections::{BTreeMap, VecDeque};

use iothub_model::RefusalRecord;
use iothub_proto::Timestamp;

use crate::effect::Effect;
use crate::notice::Notice;
use crate::twin::date;

/// What was lately refused to each device, and to back ends about it. Not for ever, and not across restarts.
#[derive(Debug, Default)]
pub(crate) struct Diary {
    /// By device; those of its modules are among its own. Also of devices that are not in the registry, as why
    /// those cannot connect is what is asked most.
    pages: BTreeMap<String, Page>,
    /// Counts what was written, to know the page that was not written on for longest.
    written: u64,
}

#[derive(Debug, Default)]
struct Page {
    records: VecDeque<RefusalRecord>,
    written: u64,
}

impl Diary {
    /// Most refusals that are remembered of one device.
    pub(crate) const RECORDS_MAX: usize = 16;
    /// Most devices of which refusals are remembered.
    const PAGES_MAX: usize = 1024;
    /// Longest reason that is remembered, in bytes.
    const WHY_MAX: usize = 1024;

    /// Remembers what of this is a refusal.
    pub(crate) fn read(&mut self, now: Timestamp, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Log(notice) = effect {
                self.write(now, notice);
            }
        }
    }

    /// What was refused to a device, the latest last.
    pub(crate) fn page(&self, device: &str) -> impl Iterator<Item = &RefusalRecord> {
        self.pages.get(device).into_iter().flat_map(|page| &page.records)
    }

    fn write(&mut self, now: Timestamp, notice: &Notice) {
        let (Some(who), Some(rule)) = (&notice.who, notice.rule) else { return };
        let device = who.split('/').next().unwrap_or_default();
        if !self.pages.contains_key(device) && self.pages.len() >= Self::PAGES_MAX {
            self.forget_the_oldest();
        }
        self.written += 1;
        let page = self.pages.entry(device.to_owned()).or_default();
        page.written = self.written;
        let why = shortened(&notice.why);
        match page.records.back_mut() {
            // A device that does not give up would drive out all that was before.
            Some(last) if last.who == *who && last.what == notice.what && last.rule == rule.name() => {
                last.why = why;
                last.last = date(now);
                last.count += 1;
            }
            Some(_) | None => {
                if page.records.len() >= Self::RECORDS_MAX {
                    page.records.pop_front();
                }
                page.records.push_back(RefusalRecord {
                    who: who.clone(),
                    what: notice.what.to_owned(),
                    rule: rule.name().to_owned(),
                    why,
                    advice: rule.advice().to_owned(),
                    first: date(now),
                    last: date(now),
                    count: 1,
                });
            }
        }
    }

    fn forget_the_oldest(&mut self) {
        let oldest = self.pages.iter().min_by_key(|(_, page)| page.written);
        if let Some(device) = oldest.map(|(device, _)| device.clone()) {
            self.pages.remove(&device);
        }
    }
}

fn shortened(why: &str) -> String {
    match why.get(..why.floor_char_boundary(Diary::WHY_MAX)) {
        Some(start) if start.len() < why.len() => format!("{start}…"),
        Some(_) | None => why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::Level;
    use crate::rule::Rule;

    fn refusal(who: &str, rule: Rule, why: &str) -> Effect {
        Effect::Log(Notice {
            level: Level::Warn,
            peer: None,
            who: Some(who.into()),
            what: "CONNECT refused",
            rule: Some(rule),
            why: why.into(),
        })
    }

    fn page(diary: &Diary, device: &str) -> Vec<(String, u64)> {
        diary.page(device).map(|record| (record.why.clone(), record.count)).collect()
    }

    #[test]
    fn what_happens_again_and_again_is_one_record() {
        let mut diary = Diary::default();
        for (second, who, rule, why) in [
            (1, "a", Rule::WrongKey, "first"),
            (2, "a", Rule::WrongKey, "second"),
            (3, "a/m", Rule::WrongKey, "its module"),
            (4, "a", Rule::Disabled, "another rule"),
            (5, "b", Rule::Disabled, "another device"),
        ] {
            diary.read(Timestamp::from_secs(second), &[refusal(who, rule, why)]);
        }
        let expected = [("second", 2), ("its module", 1), ("another rule", 1)];
        assert_eq!(page(&diary, "a"), expected.map(|(why, count)| (why.to_owned(), count)));
        assert_eq!(page(&diary, "c"), []);
        let first = diary.page("a").next().unwrap();
        assert_eq!((first.first, first.last), (date(Timestamp::from_secs(1)), date(Timestamp::from_secs(2))));
    }

    #[test]
    fn it_is_bounded_in_every_direction() {
        let mut diary = Diary::default();
        let why = "ä".repeat(10_000);
        for n in 0..100 {
            let rule = if n % 2 == 0 { Rule::WrongKey } else { Rule::Disabled };
            diary.read(Timestamp::from_secs(n), &[refusal("a", rule, &why)]);
        }
        assert_eq!(diary.page("a").count(), Diary::RECORDS_MAX);
        assert!(diary.page("a").all(|record| record.why.len() <= Diary::WHY_MAX + "…".len()));
        for n in 0..Diary::PAGES_MAX {
            diary.read(Timestamp::from_secs(1), &[refusal(&format!("d{n}"), Rule::WrongKey, "")]);
        }
        assert_eq!(diary.pages.len(), Diary::PAGES_MAX);
        assert_eq!(
            diary.page("a").count(),
            0,
            "the page that was not written on for longest is the first to go"
        );
        assert_eq!(diary.page("d0").count(), 1);
    }

    #[test]
    fn what_is_no_refusal_is_not_remembered() {
        let mut diary = Diary::default();
        let notice = |who: Option<&str>, rule| {
            let (who, why) = (who.map(Into::into), String::new());
            Effect::Log(Notice { level: Level::Info, peer: None, who, what: "connected", rule, why })
        };
        diary.read(Timestamp::from_secs(1), &[notice(Some("a"), None), notice(None, Some(Rule::Transport))]);
        assert!(diary.pages.is_empty());
    }
}
