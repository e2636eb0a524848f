//! What the targets draw: numbers of every size, and rounds of any shape, from the bytes of the fuzzer.

use arbitrary::{Result, Unstructured};
use hemicycle_core::Pairs;
use hemicycle_core::read_limits::ReadLimits;

/// Limits that inputs of a few thousand bytes can break.
#[must_use]
pub fn limits() -> ReadLimits {
    ReadLimits {
        file_bytes: 1 << 16,
        submission_bytes: 1 << 14,
        line_bytes: 1 << 12,
        rows: 200,
        submission_rows: 200,
        columns: 20,
        files: 40,
        total_bytes: 1 << 18,
        ..ReadLimits::default()
    }
}

/// The largest logit or log ratio.
pub const MAX_LOG: f64 = 1e6;

/// A logit or a log ratio: everyday ones, equal ones, any bits, and the ends of the domain.
pub fn log(u: &mut Unstructured<'_>) -> Result<f64> {
    Ok(match u.int_in_range(0..=6)? {
        0 => f64::from(u.int_in_range(-8..=8)?),
        1 => f64::from(u.arbitrary::<i16>()?) / 4096.0,
        2 => f64::from(u.arbitrary::<i32>()?) / f64::from(1 << 20),
        3 => *u.choose(&[MAX_LOG, -MAX_LOG, 0.0, -0.0, f64::MIN_POSITIVE, 5e-324])?,
        4 => MAX_LOG * (f64::from(u.arbitrary::<i32>()?) / f64::from(i32::MAX)).clamp(-1.0, 1.0),
        5 => f64::from(u.int_in_range(-900_000..=900_000)?) + f64::from(u.arbitrary::<i16>()?) / 65_536.0,
        _ => Some(f64::from_bits(u.arbitrary()?)).filter(|x| x.abs() <= MAX_LOG).unwrap_or(1.0),
    })
}

/// A number by its magnitude, within bounds.
pub fn magnitude(u: &mut Unstructured<'_>, low: f64, high: f64) -> Result<f64> {
    let share = f64::from(u.arbitrary::<u16>()?) / f64::from(u16::MAX);
    Ok((low.ln() + share * (high / low).ln()).exp().clamp(low, high))
}

/// The weight of a judgment.
pub fn weight(u: &mut Unstructured<'_>) -> Result<f64> {
    Ok(match u.int_in_range(0..=4)? {
        0..=2 => 1.0,
        3 => 0.25 * f64::from(u.int_in_range(1..=16)?),
        _ => magnitude(u, 1e-100, 1e100)?,
    })
}

/// The width of the Gaussian.
pub fn sigma(u: &mut Unstructured<'_>) -> Result<f64> {
    Ok(match u.int_in_range(0..=2)? {
        0 => *u.choose(&[0.5, 1e-6, 1e6, 0.1, 2.5])?,
        1 => magnitude(u, 0.01, 100.0)?,
        _ => magnitude(u, 1e-6, 1e6)?,
    })
}

/// Any number at all, mostly plain.
pub fn number(u: &mut Unstructured<'_>) -> Result<f64> {
    Ok(match u.int_in_range(0..=2)? {
        0 => f64::from(u.int_in_range(-8..=8)?),
        1 => f64::from(u.arbitrary::<i16>()?) / 256.0,
        _ => f64::from_bits(u.arbitrary()?),
    })
}

/// Judged pairs that own their columns.
#[derive(Debug, Clone, Default)]
pub struct Jury {
    pub n_items: usize,
    pub a: Vec<u32>,
    pub b: Vec<u32>,
    pub offsets: Vec<i64>,
    pub log_ratio: Vec<f64>,
    pub weight: Vec<f64>,
    pub pair_weight: Vec<f64>,
}

impl Jury {
    /// A jury inside the domain: pairs of one label, of a few, of many.
    pub fn draw(u: &mut Unstructured<'_>, n_items: usize) -> Result<Self> {
        let mut jury = Self { n_items, offsets: vec![0], ..Self::default() };
        for _ in 0..u.int_in_range(1..=8)? {
            let item = |u: &mut Unstructured<'_>| u.int_in_range(0..=n_items as u32 - 1);
            jury.a.push(item(u)?);
            jury.b.push(item(u)?);
            let n_labels = *u.choose(&[1, 1, 2, 2, 3, 5, 23, 24, 40])?;
            let (centre, spread, plain) = (log(u)?, *u.choose(&[0.0, 0.01, 1.0, 5.0])?, u.ratio(2, 3)?);
            for _ in 0..n_labels {
                let near = centre + spread * f64::from(u.arbitrary::<i16>()?) / 8192.0;
                jury.log_ratio.push(if u.ratio(1, 16)? { log(u)? } else { near.clamp(-MAX_LOG, MAX_LOG) });
                jury.weight.push(if plain { 1.0 } else { weight(u)? });
            }
            jury.offsets.push(jury.log_ratio.len() as i64);
            jury.pair_weight.push(match u.int_in_range(0..=3)? {
                0 | 1 => 1.0,
                2 => f64::from(u.int_in_range(0..=3)?),
                _ => magnitude(u, 1e-100, 1e150)?,
            });
        }
        Ok(jury)
    }

    /// Anything that has the types of a jury.
    pub fn raw(u: &mut Unstructured<'_>) -> Result<Self> {
        let numbers =
            |u: &mut Unstructured<'_>| -> Result<Vec<f64>> { (0..u.int_in_range(0..=6)?).map(|_| number(u)).collect() };
        let items = |u: &mut Unstructured<'_>| -> Result<Vec<u32>> {
            (0..u.int_in_range(0..=4)?).map(|_| Ok(u.arbitrary::<u8>()?.into())).collect()
        };
        Ok(Self {
            n_items: u.int_in_range(0..=5)?,
            a: items(u)?,
            b: items(u)?,
            offsets: (0..u.int_in_range(0..=5)?).map(|_| Ok(u.arbitrary::<i8>()?.into())).collect::<Result<_>>()?,
            log_ratio: numbers(u)?,
            weight: numbers(u)?,
            pair_weight: numbers(u)?,
        })
    }

    /// The jury as the core takes it.
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
