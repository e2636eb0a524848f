//! Thread pools that outlive a call. A forked process has none of its parent's threads, so it never touches a pool that
//! another process built: neither to use it, for it would wait for ever, nor to drop it.

use std::process;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::thread::yield_now;

use hemicycle_core::{Error, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// More threads than any machine has cores; beyond it a number is a mistake that would stop the machine.
const MAX_THREADS: usize = 1024;

/// Threads of pools that wait for the next call; a pool that would be beyond is given up.
const MAX_IDLE: usize = 256;

/// Tries to take the lock on the pools, which is held for some instructions: unless this process was forked while another
/// thread held it. It is then never given back, and calls do without.
const TRIES: usize = 1000;

static POOLS: Mutex<Pools> = Mutex::new(Pools { process: 0, every_core: None, idle: vec![] });

/// The pools of one process.
struct Pools {
    process: u32,
    /// Shared by calls that use every core.
    every_core: Option<Arc<ThreadPool>>,
    /// Each for one call at a time, so that calls with few threads run side by side.
    idle: Vec<Arc<ThreadPool>>,
}

/// Call `work` with a pool of `n_threads` threads (`None`: every core).
///
/// # Errors
/// [`Error::Domain`] if the number is not in [1, 1024] or the system refuses to start the threads.
pub fn with_threads<T>(n_threads: Option<usize>, work: impl FnOnce(&ThreadPool) -> T) -> Result<T> {
    let pool = take(n_threads)?;
    let result = work(&pool);
    give_back(n_threads, pool);
    Ok(result)
}

fn take(n_threads: Option<usize>) -> Result<Arc<ThreadPool>> {
    let kept = pools().and_then(|mut pools| match n_threads {
        None => pools.every_core.clone(),
        Some(n) => {
            let place = pools.idle.iter().position(|pool| pool.current_num_threads() == n)?;
            Some(pools.idle.swap_remove(place))
        }
    });
    kept.map_or_else(|| build(n_threads), Ok)
}

fn build(n_threads: Option<usize>) -> Result<Arc<ThreadPool>> {
    let refused = |_| Error::Domain {
        what: "n_threads",
        position: vec![],
        value: n_threads.unwrap_or_default() as f64,
        requirement: "from 1 to 1024, and no more than the system can start",
    };
    if n_threads.is_some_and(|n| !(1..=MAX_THREADS).contains(&n)) {
        return Err(refused(()));
    }
    // 0: as many as there are cores
    let pool = ThreadPoolBuilder::new().num_threads(n_threads.unwrap_or(0)).build();
    pool.map(Arc::new).map_err(|_| refused(()))
}

/// Keep a pool for the next call. What is not kept stops its threads, after the lock was given back.
fn give_back(n_threads: Option<usize>, pool: Arc<ThreadPool>) {
    let Some(mut pools) = pools() else {
        return;
    };
    let idle: usize = pools.idle.iter().map(|pool| pool.current_num_threads()).sum();
    if n_threads.is_none() && pools.every_core.is_none() {
        pools.every_core = Some(pool);
    } else if n_threads.is_some() && idle + pool.current_num_threads() <= MAX_IDLE {
        pools.idle.push(pool);
    }
}

/// The pools of this process, unless the lock cannot be had.
fn pools() -> Option<MutexGuard<'static, Pools>> {
    for _ in 0..TRIES {
        let mut pools = match POOLS.try_lock() {
            Ok(pools) => pools,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                yield_now();
                continue;
            }
        };
        if pools.process != process::id() {
            let parents =
                std::mem::replace(&mut *pools, Pools { process: process::id(), every_core: None, idle: vec![] });
            std::mem::forget(parents); // to drop them would wait for threads that are not here
        }
        return Some(pools);
    }
    None
}
