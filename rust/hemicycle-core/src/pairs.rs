//! Judgments grouped by the unordered pair that they compare, in an order that does not depend on theirs.

use crate::error::{Error, Result};
use crate::judgments::check_length;
use crate::parallel::{Interrupt, sort};

/// Judgments, one entry each in every slice.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The item that the label compares with.
    pub a: &'a [i64],
    /// The item that the label speaks for.
    pub b: &'a [i64],
    /// Natural log of how much more `b` is worth than `a`; NaN where only the winner is known.
    pub log_ratio: &'a [f64],
    /// Weight of the judgment, 0 or above.
    pub weight: &'a [f64],
}

/// Pairs sorted by `(a, b)`, in compressed rows: the labels of pair `n` are `offsets[n]..offsets[n + 1]`, sorted by
/// `(log_ratio, weight, row)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Grouped {
    /// The lower item of each pair.
    pub a: Vec<u32>,
    /// The higher item of each pair.
    pub b: Vec<u32>,
    /// Where the labels of each pair begin, and the end of the last.
    pub offsets: Vec<i64>,
    /// Natural log of how much more `b` is worth than `a`.
    pub log_ratio: Vec<f64>,
    /// Weight of each label, above 0.
    pub weight: Vec<f64>,
    /// The judgment that each label came from.
    pub row: Vec<i64>,
    /// Pairs that are absent because all their labels have weight 0.
    pub n_zero_weight: usize,
}

/// The judgments that say how much, grouped by unordered pair; of weight 0 they are left out.
///
/// # Errors
/// [`Error::Shape`] for lengths that disagree, [`Error::Index`] for an item below 0 or above `u32::MAX`,
/// [`Error::Interrupted`].
pub fn group_pairs(judged: &Judged<'_>, interrupt: &Interrupt) -> Result<Grouped> {
    let mut labels = labels(judged, interrupt)?;
    sort(&mut labels, interrupt, |x, y| x.order().cmp(&y.order()))?;
    let n = labels.len();
    let mut grouped = Grouped {
        a: vec![],
        b: vec![],
        offsets: vec![0],
        log_ratio: Vec::with_capacity(n),
        weight: Vec::with_capacity(n),
        row: Vec::with_capacity(n),
        n_zero_weight: 0,
    };
    for pair in labels.chunk_by(|x, y| x.pair == y.pair) {
        grouped.push(pair, interrupt)?;
    }
    Ok(grouped)
}

impl Grouped {
    fn push(&mut self, pair: &[Label], interrupt: &Interrupt) -> Result<()> {
        let first = self.row.len();
        for label in pair.iter().filter(|label| label.weight > 0.0) {
            interrupt.check()?;
            self.log_ratio.push(label.log_ratio);
            self.weight.push(label.weight);
            self.row.push(label.row as i64);
        }
        if self.row.len() == first {
            self.n_zero_weight += 1;
            return Ok(());
        }
        let [low, high] = pair[0].pair;
        self.a.push(low);
        self.b.push(high);
        self.offsets.push(self.row.len() as i64);
        Ok(())
    }
}

/// A judgment seen from the lower item of its pair.
#[derive(Debug, Clone, Copy)]
struct Label {
    pair: [u32; 2],
    log_ratio: f64,
    weight: f64,
    row: usize,
}

impl Label {
    /// Integers in the order of pair, log ratio, weight and row; the first is compared without a branch.
    #[inline(always)]
    fn order(&self) -> (u128, u64, usize) {
        let [low, high] = self.pair.map(u128::from);
        (low << 96 | high << 64 | u128::from(rising(self.log_ratio)), rising(self.weight), self.row)
    }
}

/// An integer that rises with a float.
#[inline(always)]
fn rising(x: f64) -> u64 {
    let bits = x.to_bits();
    bits ^ if x.is_sign_negative() { u64::MAX } else { 1 << 63 }
}

fn labels(judged: &Judged<'_>, interrupt: &Interrupt) -> Result<Vec<Label>> {
    let Judged { a, b, log_ratio, weight } = *judged;
    check_length("b", b.len(), a.len())?;
    check_length("log_ratio", log_ratio.len(), a.len())?;
    check_length("weight", weight.len(), a.len())?;
    let mut labels = Vec::with_capacity(a.len());
    for row in (0..a.len()).filter(|&row| !log_ratio[row].is_nan()) {
        interrupt.check()?;
        let (first, second) = (item("a", a, row)?, item("b", b, row)?);
        let oriented = if first < second { log_ratio[row] } else { -log_ratio[row] };
        let pair = [first.min(second), first.max(second)];
        labels.push(Label { pair, log_ratio: oriented + 0.0, weight: weight[row], row }); // + 0.0 turns -0.0 into 0.0
    }
    Ok(labels)
}

fn item(what: &'static str, items: &[i64], row: usize) -> Result<u32> {
    let index = items[row];
    let refused = Error::Index { what, position: row, index: index as usize, length: u32::MAX as usize };
    u32::try_from(index).map_err(|_| refused)
}

#[cfg(test)]
mod tests {
    use super::{Error, Grouped, Interrupt, Judged, group_pairs};

    const JUDGED: Judged<'_> = Judged {
        a: &[2, 1, 1, 0, 2, 0],
        b: &[1, 2, 2, 1, 1, 2],
        log_ratio: &[-1.0, 3.0, f64::NAN, -0.0, -1.0, 4.0],
        weight: &[2.0, 1.0, 1.0, 5.0, 1.0, 0.0],
    };

    #[test]
    fn judgments_of_either_side_are_one_pair_sorted_by_label_and_weight() {
        let expected = Grouped {
            a: vec![0, 1],
            b: vec![1, 2],
            offsets: vec![0, 1, 4],
            log_ratio: vec![0.0, 1.0, 1.0, 3.0],
            weight: vec![5.0, 1.0, 2.0, 1.0],
            row: vec![3, 4, 0, 1],
            n_zero_weight: 1,
        };
        let grouped = group_pairs(&JUDGED, &Interrupt::new()).unwrap();
        assert_eq!(grouped, expected);
        assert!(grouped.log_ratio[0].is_sign_positive());
    }

    #[test]
    fn what_is_no_item_is_refused() {
        let refused = |index: i64| group_pairs(&Judged { b: &[1, 2, 2, 1, 1, index], ..JUDGED }, &Interrupt::new());
        for index in [-1, 1 << 32] {
            let length = u32::MAX as usize;
            assert_eq!(refused(index), Err(Error::Index { what: "b", position: 5, index: index as usize, length }));
        }
    }

    #[test]
    fn an_interrupt_is_heard() {
        let interrupt = Interrupt::new();
        interrupt.raise();
        assert_eq!(group_pairs(&JUDGED, &interrupt), Err(Error::Interrupted));
    }
}
