//! Long work that Ctrl-C stops: the work runs on a pool of threads with the GIL released, while the calling thread looks
//! for signals.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use hemicycle_core::{Execution, Result};
use pyo3::prelude::*;
use rayon::ThreadPool;

use crate::errors::BindingError;
use crate::threads::with_threads;

/// How often the calling thread looks for a signal.
const POLL: Duration = Duration::from_millis(20);

/// Run `work` without the GIL on `n_threads` threads (`None`: every core); raise `KeyboardInterrupt` soon after Ctrl-C.
pub fn interruptible<T: Send>(
    py: Python<'_>,
    n_threads: Option<usize>,
    work: impl FnOnce(&Execution) -> Result<T> + Send,
) -> std::result::Result<T, BindingError> {
    let execution = Execution::default(); // its threads are those of the pool that it runs on
    let execution = &execution;
    let run = |pool: &ThreadPool| {
        pool.in_place_scope(|scope| {
            let (sender, receiver) = channel();
            scope.spawn(move |_| {
                let _ = sender.send(work(execution));
            });
            answer(&receiver, execution)
        })
    };
    py.detach(|| with_threads(n_threads, run).unwrap_or_else(|refused| Err(refused.into())))
}

/// Wait for the result; a signal asks the work to stop.
fn answer<T>(receiver: &Receiver<Result<T>>, execution: &Execution) -> std::result::Result<T, BindingError> {
    let mut signal = None;
    loop {
        match receiver.recv_timeout(POLL) {
            Ok(result) => {
                return signal.map_or_else(|| result.map_err(BindingError::from), |e| Err(BindingError::Python(e)));
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Err(error) = Python::attach(|py| py.check_signals()) {
                    execution.interrupt.raise();
                    signal = Some(error);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Err(BindingError::Core(hemicycle_core::Error::Interrupted)),
        }
    }
}
