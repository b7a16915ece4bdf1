use crate::failure::Failure;

/// What was measured of one thing.
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) ours: f64,
    /// Of what is beside it, where that does as much.
    pub(super) other: Option<f64>,
    pub(super) target: Target,
}

/// What is to be reached.
#[derive(Clone, Copy)]
pub(super) enum Target {
    None,
    /// At most so many times what is beside it.
    Ratio(f64),
    /// At most, in the unit.
    Most(f64),
    /// At least, in the unit.
    Least(f64),
}

/// Above figures with what `other` does beside them.
pub(super) fn head(other: &str) {
    println!("{:<46}{:>12}{:>12}{:>8}   {:<14}{:<6}", "", "iothub", other, "ratio", "target", "");
}

/// Prints what was measured of a row beneath [`head`], or why nothing was.
pub(super) fn print(row: &str, measured: Result<Vec<Figure>, Failure>) {
    match measured {
        Ok(figures) => figures.iter().for_each(Figure::print),
        Err(why) => println!("{row:<46}   not measured: {why}"),
    }
}

impl Figure {
    /// Prints it where no broker does as much.
    pub(super) fn print_alone(&self) {
        let name = format!("{}, {}", self.name, self.unit);
        println!("{name:<62}{:>12}   {:<14}{:<6}", shown(self.ours), self.wanted(), self.verdict());
    }

    fn print(&self) {
        let (other, ratio) = match self.other {
            Some(other) => (shown(other), format!("{:.2}", self.ours / other)),
            None => ("-".to_owned(), "-".to_owned()),
        };
        let (target, reached) = (self.wanted(), self.verdict());
        let name = format!("{}, {}", self.name, self.unit);
        println!("{name:<46}{:>12}{other:>12}{ratio:>8}   {target:<14}{reached:<6}", shown(self.ours));
    }

    fn wanted(&self) -> String {
        match self.target {
            Target::None => String::new(),
            Target::Ratio(most) => format!("<= {most:.1} x"),
            Target::Most(most) => format!("<= {}", shown(most)),
            Target::Least(least) => format!(">= {}", shown(least)),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.is_reached() {
            Some(true) => "yes",
            Some(false) => "MISSED",
            None => "",
        }
    }

    /// `None` where nothing is to be reached, or there is nothing to compare with.
    fn is_reached(&self) -> Option<bool> {
        match self.target {
            Target::None => None,
            Target::Ratio(most) => self.other.map(|other| self.ours <= other * most),
            Target::Most(most) => Some(self.ours <= most),
            Target::Least(least) => Some(self.ours >= least),
        }
    }
}

/// The one in the middle; `None` of none.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Three figures that count.
fn shown(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_reached_at_its_limit_and_missed_behind_it() {
        let figure =
            |ours, other, target| Figure { name: String::new(), unit: "", ours, other, target }.is_reached();
        for (ours, other, target, reached) in [
            (1.5, Some(1.0), Target::Ratio(1.5), Some(true)),
            (1.6, Some(1.0), Target::Ratio(1.5), Some(false)),
            (1.6, None, Target::Ratio(1.5), None),
            (10.0, None, Target::Most(10.0), Some(true)),
            (10.1, None, Target::Most(10.0), Some(false)),
            (9.9, None, Target::Least(10.0), Some(false)),
            (10.0, None, Target::Least(10.0), Some(true)),
            (10.0, None, Target::None, None),
        ] {
            assert_eq!(figure(ours, other, target), reached, "{ours} {other:?}");
        }
    }
}
