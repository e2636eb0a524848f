//! The likelihood by its definition: one label after the other, plain `f64` but for exact differences of logits.
//!
//! Everything here errs by some 1e-15 of `max(1, |log p|)`, a hundredth of what the kernels are allowed.

use hemicycle_core::Pairs;
use hemicycle_core::likelihood::Likelihood;

/// A term and how large it counts where errors are measured.
#[derive(Debug, Clone, Copy)]
pub struct Term {
    pub value: f64,
    pub size: f64,
}

impl Term {
    fn of(value: f64) -> Self {
        Self { value, size: value.abs().max(1.0) }
    }

    /// The error of `value` in units of the size; infinite for what is not finite.
    pub fn error(self, value: f64) -> f64 {
        if value.is_finite() { (value - self.value).abs() / self.size } else { f64::INFINITY }
    }
}

/// `log Normal(y_i | mu, sigma)` of every label under one model.
pub fn by_label(logits: &[f64], pairs: &Pairs<'_>, sigma: f64) -> Vec<Term> {
    let of_pair = |n: usize| labels(pairs, n).map(move |i| -distance(logits, pairs, n, i, sigma) - normaliser(sigma));
    (0..pairs.len()).flat_map(of_pair).map(Term::of).collect()
}

/// `log p_n` of every pair under one model.
pub fn by_pair(logits: &[f64], pairs: &Pairs<'_>, likelihood: Likelihood, sigma: f64) -> Vec<Term> {
    let density = |n| match likelihood {
        Likelihood::SumGaussian => Term::of(sum_gaussian(logits, pairs, n, sigma)),
        Likelihood::Gaussian => gaussian(logits, pairs, n, sigma),
    };
    (0..pairs.len()).map(density).collect()
}

/// `sum_n c_n log p_n`.
pub fn total(terms: &[Term], pair_weight: &[f64]) -> Term {
    let weighted = |part: fn(&Term) -> f64| sum(terms.iter().zip(pair_weight).map(|(term, c)| c * part(term)));
    Term { value: weighted(|term| term.value), size: weighted(|term| term.size) }
}

fn labels(pairs: &Pairs<'_>, n: usize) -> std::ops::Range<usize> {
    pairs.offsets[n] as usize..pairs.offsets[n + 1] as usize
}

/// `log sum_i v_i Normal(y_i | mu, sigma)`.
fn sum_gaussian(logits: &[f64], pairs: &Pairs<'_>, n: usize, sigma: f64) -> f64 {
    let exponent = |i: usize| pairs.weight[i].ln() - distance(logits, pairs, n, i, sigma);
    let largest = labels(pairs, n).map(exponent).fold(f64::NEG_INFINITY, f64::max);
    let density = sum(labels(pairs, n).map(|i| (exponent(i) - largest).exp()));
    largest + density.ln() - sum(labels(pairs, n).map(|i| pairs.weight[i])).ln() - normaliser(sigma)
}

/// `sum_i u_i log Normal(y_i | mu, sigma)`; every label counts as a term.
fn gaussian(logits: &[f64], pairs: &Pairs<'_>, n: usize, sigma: f64) -> Term {
    let term = |i: usize| Term::of(-distance(logits, pairs, n, i, sigma) - normaliser(sigma));
    let weighted = |part: fn(Term) -> f64| sum(labels(pairs, n).map(|i| pairs.weight[i] * part(term(i))));
    Term { value: weighted(|term| term.value), size: weighted(|term| term.size) }
}

/// `(mu - y_i)^2 / (2 sigma^2)`: the difference of three numbers is exact but for one rounding.
fn distance(logits: &[f64], pairs: &Pairs<'_>, n: usize, i: usize, sigma: f64) -> f64 {
    let (mu, mu_low) = difference(logits[pairs.b[n] as usize], logits[pairs.a[n] as usize]);
    let (high, low) = difference(mu, pairs.log_ratio[i]);
    let z = (high + (low + mu_low)) / sigma;
    0.5 * z * z
}

/// `x - y` and what rounding takes from it.
fn difference(x: f64, y: f64) -> (f64, f64) {
    let high = x - y;
    let seen = x - high;
    (high, (x - (high + seen)) + (seen - y))
}

fn normaliser(sigma: f64) -> f64 {
    sigma.ln() + 0.5 * (2.0 * std::f64::consts::PI).ln()
}

/// A sum with its rounding errors added back.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (total, lost) = values.fold((0.0, 0.0), |(total, lost), value| {
        let (next, error) = difference(total, -value);
        (next, lost + error)
    });
    total + lost
}
