//! Judged pairs and logits that tests of the likelihood make.

use hemicycle_core::{Pairs, Pool};
use proptest::prelude::*;

/// Owned pairs and logits.
#[derive(Debug, Clone)]
pub struct Case {
    n_items: usize,
    pub logits: Vec<f64>,
    pub a: Vec<u32>,
    pub b: Vec<u32>,
    offsets: Vec<i64>,
    pub log_ratio: Vec<f64>,
    pub weight: Vec<f64>,
    pub pair_weight: Vec<f64>,
    pub sigma: f64,
}

/// The items of a pair, its labels with their weights, and its own weight.
pub type Judged = ([u32; 2], Vec<(f64, f64)>, f64);

impl Case {
    pub fn new(n_items: usize, logits: Vec<f64>, pairs: Vec<Judged>, sigma: f64) -> Self {
        let (mut a, mut b, mut offsets) = (vec![], vec![], vec![0]);
        let (mut log_ratio, mut weight, mut pair_weight) = (vec![], vec![], vec![]);
        for (items, labels, own_weight) in pairs {
            a.push(items[0]);
            b.push(items[1]);
            log_ratio.extend(labels.iter().map(|label| label.0));
            weight.extend(labels.iter().map(|label| label.1));
            offsets.push(log_ratio.len() as i64);
            pair_weight.push(own_weight);
        }
        Self { n_items, logits, a, b, offsets, log_ratio, weight, pair_weight, sigma }
    }

    pub fn pool(&self) -> Pool<'_, f64> {
        Pool::new(&self.logits, self.logits.len() / self.n_items, self.n_items)
    }

    pub fn pairs(&self) -> Pairs<'_> {
        Pairs {
            n_items: self.n_items,
            a: &self.a,
            b: &self.b,
            offsets: &self.offsets,
            log_ratio: &self.log_ratio,
            weight: &self.weight,
            pair_weight: &self.pair_weight,
        }
    }
}

/// Logits and log ratios.
pub fn logs() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -3.0..3.0, 1 => -1e6..=1e6, 1 => Just(0.0)]
}

/// Weights of labels.
pub fn weights() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![3 => Just(1.0), 1 => 0.5..2.0, 1 => 1e-50..1.0]
}

/// Widths of the Gaussian.
pub fn sigmas() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.5), Just(1e-6), Just(1e6), 0.01..10.0]
}
