//! A prior that copies cannot bend: models that predict the same for every judged pair share the mass of one, and models
//! that predict nearly the same share it nearly.
//!
//! Models of equal predictions are a class. With `d` the root mean square difference of two classes' predictions over
//! the judged pairs, in units of the bandwidth, and `s_c` one over the number of classes within a quarter of `c`, the
//! mass of a class is proportional to `s_c / sum_c' s_c' exp(-d(c, c')^2 / 2)`.

mod classes;
mod coordinates;
mod crowds;
mod exact;
mod geometry;
mod groups;
mod hashed;
mod levels;
mod lists;
mod points;
mod random;
mod search;
mod strata;
mod tables;

use crate::error::Result;
use crate::judgments::{Pairs, refusal};
use crate::kernels::{InstructionSet, Lanes, Sum};
use crate::parallel::Execution;
use crate::pool::{Logit, Pool};
use classes::Classes;
use geometry::Geometry;

/// Classes this near, in bandwidths, count one another when shares are made.
const NEAR: f64 = 0.25;

/// So many classes are compared each with each; beyond, each with those that may be near.
const EXACT_CLASSES: usize = 16_384;

/// How near is near, and how it is found.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Root mean square difference of log ratios that counts as one, in the unit of logits.
    pub bandwidth: f64,
    /// Compare each class with each; `None` decides by their number.
    pub exact: Option<bool>,
}

/// The mass of each model, and what it follows from: one entry a model in each vector.
#[derive(Debug, Clone, Default)]
pub struct CloneProofPrior {
    /// Mass of each model; the sum is 1.
    pub prior: Vec<f64>,
    /// Class of each model, numbered by their first models.
    pub class_of: Vec<i64>,
    /// Classes that are linked by steps of a quarter of the bandwidth, numbered by their first models.
    pub group_of: Vec<i64>,
    /// Number of classes within a quarter of the bandwidth of the model's, itself included; an estimate if not exact.
    pub n_near: Vec<f64>,
    /// The sum of shares around the class of each model.
    pub density: Vec<f64>,
    /// Whether each class was compared with each.
    pub is_exact: bool,
}

/// What is around each class.
struct Neighbours {
    /// Number of classes that are near, itself included.
    n_near: Vec<f64>,
    /// The sum of shares, each by how near it is.
    density: Vec<f64>,
    /// A class of each group that stands for it.
    group: Vec<u32>,
}

/// The clone-proof prior of the models.
///
/// # Errors
/// Whatever [`Pairs::check`] refuses, logits of another shape or outside the domain, an interrupt;
/// [`crate::Error::Domain`] for a bandwidth outside [1e-6, 1e6].
pub fn clone_proof_prior<T: Logit>(
    pool: &Pool<'_, T>,
    pairs: &Pairs<'_>,
    options: Options,
    instructions: InstructionSet,
    execution: &Execution,
) -> Result<CloneProofPrior> {
    pool.check_shape(pairs.n_items)?;
    pairs.check()?;
    if !(1e-6..=1e6).contains(&options.bandwidth) {
        return Err(refusal("bandwidth", vec![], options.bandwidth, "from 1e-6 to 1e6"));
    }
    if pool.n_models == 0 || pairs.is_empty() {
        return Ok(CloneProofPrior { is_exact: true, ..CloneProofPrior::default() });
    }
    execution.install(|| {
        let geometry = Geometry::new(pairs, options.bandwidth, execution)?;
        let classes = Classes::new(pool, &geometry, execution)?;
        let is_exact = options.exact.unwrap_or(classes.len() <= EXACT_CLASSES);
        let around = if is_exact {
            exact::neighbours(pool, &geometry, &classes, instructions, execution)?
        } else {
            hashed::neighbours(pool, &geometry, &classes, instructions, execution)?
        };
        Ok(shared(&classes, &around, is_exact))
    })
}

/// The mass of each class, shared by its models.
fn shared(classes: &Classes, around: &Neighbours, is_exact: bool) -> CloneProofPrior {
    let odds: Vec<f64> = around.n_near.iter().zip(&around.density).map(|(n, density)| 1.0 / (n * density)).collect();
    let mut total = Sum::<false>::zero();
    odds.iter().for_each(|&odds| total.add(Lanes::splat(odds)));
    let total = total.value().0[0];
    let size = classes.sizes();
    let of_class =
        |values: &dyn Fn(usize) -> f64| classes.of_model.iter().map(|&class| values(class as usize)).collect();
    CloneProofPrior {
        prior: of_class(&|class| odds[class] / total / f64::from(size[class])),
        class_of: numbered(&classes.of_model, |class| class),
        group_of: numbered(&classes.of_model, |class| around.group[class as usize]),
        n_near: of_class(&|class| around.n_near[class]),
        density: of_class(&|class| around.density[class]),
        is_exact,
    }
}

/// Numbers in the order of first appearance.
fn numbered(of_model: &[u32], name: impl Fn(u32) -> u32) -> Vec<i64> {
    let mut number = vec![-1; of_model.len()];
    let mut next = 0;
    let numbers = of_model.iter().map(|&class| {
        let number = &mut number[name(class) as usize];
        if *number < 0 {
            *number = next;
            next += 1;
        }
        *number
    });
    numbers.collect()
}
