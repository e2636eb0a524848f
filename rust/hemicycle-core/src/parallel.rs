//! Threads without a trace in the results: work is cut into chunks of a constant size, so that no sum depends on how
//! many threads there are, and every long loop looks at an [`Interrupt`] once a chunk.

use std::cmp::Ordering;
use std::sync::atomic::{self, AtomicBool};

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use crate::error::{Error, Result};

/// More threads than any machine has cores; beyond it a number is a mistake that would stop the machine.
const MAX_THREADS: usize = 1024;

/// A flag that another thread may raise to stop a computation.
#[derive(Debug, Default)]
pub struct Interrupt(AtomicBool);

impl Interrupt {
    /// A flag that is down.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Ask the computation to stop.
    pub fn raise(&self) {
        self.0.store(true, atomic::Ordering::Relaxed);
    }

    /// Whether the computation is to stop. For kernels, which then return early; what they leave is not used.
    #[inline(always)]
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(atomic::Ordering::Relaxed)
    }

    /// Go on, or stop with [`Error::Interrupted`].
    ///
    /// # Errors
    /// [`Error::Interrupted`] once the flag was raised.
    pub fn check(&self) -> Result<()> {
        if self.is_raised() {
            return Err(Error::Interrupted);
        }
        Ok(())
    }
}

/// Sort, on the threads that it is called on; equal elements may change places.
///
/// # Errors
/// [`Error::Interrupted`]; the elements are then in any order.
pub(crate) fn sort<T: Send>(
    list: &mut [T],
    interrupt: &Interrupt,
    compare: impl Fn(&T, &T) -> Ordering + Sync,
) -> Result<()> {
    // once all are equal, what is left to do takes one pass
    list.par_sort_unstable_by(|x, y| if interrupt.is_raised() { Ordering::Equal } else { compare(x, y) });
    interrupt.check()
}

/// How a computation runs: on how many threads, and whether it must stop.
#[derive(Debug, Default)]
pub struct Execution {
    /// Number of threads; `None` uses those of the rayon pool that it is called in, outside of one every core.
    pub n_threads: Option<usize>,
    /// Raised from outside to stop the work.
    pub interrupt: Interrupt,
}

impl Execution {
    /// Run `work` on this number of threads; rayon calls inside it use them.
    ///
    /// # Errors
    /// Whatever `work` returns; [`Error::Domain`] if the number of threads is not in [1, 1024] or the system refuses to start them.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let Some(n_threads) = self.n_threads else {
            return work();
        };
        let refused = Error::Domain {
            what: "n_threads",
            position: vec![],
            value: n_threads as f64,
            requirement: "from 1 to 1024, and no more than the system can start",
        };
        if !(1..=MAX_THREADS).contains(&n_threads) {
            return Err(refused);
        }
        let pool = ThreadPoolBuilder::new().num_threads(n_threads).build().map_err(|_| refused)?;
        pool.install(work)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::{Interrupt, sort};
    use crate::error::Error;

    #[test]
    fn an_interrupt_in_the_middle_of_a_sort_ends_it() {
        const N: usize = 100_000;
        let mut list: Vec<usize> = (0..N).map(|k| k * 61_803 % N).collect();
        let (interrupt, n_compared) = (Interrupt::new(), AtomicUsize::new(0));
        let sorted = sort(&mut list, &interrupt, |x, y| {
            if n_compared.fetch_add(1, Relaxed) == N {
                interrupt.raise();
            }
            x.cmp(y)
        });
        assert_eq!(sorted, Err(Error::Interrupted));
        assert!(n_compared.into_inner() < 2 * N);
        assert_eq!(sort(&mut list, &Interrupt::new(), Ord::cmp), Ok(()));
        assert!(list.iter().copied().eq(0..N));
    }
}
